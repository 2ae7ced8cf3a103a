//! What the live view shows: pure, from how a run stands to the cells of a terminal.

use crate::text::Style as Look;
use common::human::{self, printable};
use common::live::{Feed, Knob, Live, LiveAgent, LiveThreshold, Pulse, Standing};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{LineGauge, Sparkline};
use std::collections::VecDeque;

/// Lines of the view.
pub(super) const HEIGHT: u16 = 13;

/// What is shown.
#[derive(Debug)]
pub(super) struct View {
    live: Live,
    pulses: VecDeque<Pulse>,
    color: bool,
    /// The scenario that `+` and `-` change.
    chosen: usize,
    /// What came of the last key.
    said: String,
}

impl View {
    pub(super) fn new(color: bool) -> Self {
        Self { live: Live::default(), pulses: VecDeque::new(), color, chosen: 0, said: String::new() }
    }

    /// Takes what is new.
    pub(super) fn take(&mut self, feed: Feed) {
        if feed.reset {
            self.pulses.clear();
        }
        for row in feed.pulse {
            while self.pulses.back().is_some_and(|last| last.t_s >= row.t_s) {
                self.pulses.pop_back();
            }
            self.pulses.push_back(row);
        }
        while self.pulses.len() > PULSES_MAX {
            self.pulses.pop_front();
        }
        self.live = feed.live;
    }

    pub(super) const fn live(&self) -> &Live {
        &self.live
    }

    pub(super) fn say(&mut self, said: String) {
        self.said = said;
    }

    /// The scenario that is chosen, with what can be changed of it.
    pub(super) fn chosen(&self) -> Option<(&str, Knob, f64)> {
        let scenario = self.live.scenarios.get(self.chosen)?;
        let knob = *scenario.steer.first()?;
        let now = match knob {
            Knob::Rate => scenario.asked_rate,
            Knob::Users => scenario.asked_users,
        };
        Some((&scenario.name, knob, now.unwrap_or_default()))
    }

    /// Chooses the next scenario of which something can be changed.
    pub(super) fn choose_next(&mut self) {
        let all = self.live.scenarios.len();
        let next = (1..=all).map(|step| (self.chosen + step) % all);
        let can = |place: &usize| !self.live.scenarios[*place].steer.is_empty();
        self.chosen = next.into_iter().find(can).unwrap_or(self.chosen);
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let rows: [Rect; HEIGHT as usize] =
            Layout::vertical([Constraint::Length(1); HEIGHT as usize]).areas(frame.area());
        let lines = [self.head(), self.load(), self.times(), self.trouble()];
        for (line, row) in lines.into_iter().zip(&rows) {
            frame.render_widget(line, *row);
        }
        self.gauge(frame, rows[4]);
        self.spark(frame, rows[5], "started/s", |pulse| pulse.started / pulse.width_s.max(1));
        self.spark(frame, rows[6], "p99", |pulse| pulse.p99.unwrap_or_default());
        self.spark(frame, rows[7], "errors", |pulse| pulse.errors.values().sum());
        for (line, row) in self.agents().into_iter().zip(&rows[8..10]) {
            frame.render_widget(line, *row);
        }
        frame.render_widget(self.thresholds(), rows[10]);
        frame.render_widget(self.keys(), rows[11]);
        frame.render_widget(self.dim(printable(&self.said)), rows[12]);
    }

    fn head(&self) -> Line<'static> {
        let run = &self.live.run;
        let state = if run.paused { "paused".to_owned() } else { run.state.replace('_', " ") };
        let waits = match run.waiting_for.as_slice() {
            [] => String::new(),
            names => format!("  waiting for {}", names.join(", ")),
        };
        let left = human::length((run.load_end_s - run.run_time_s).max(0.0));
        let time =
            format!("  {} of {}, {left} left", human::length(run.run_time_s), human::length(run.load_end_s));
        Line::from(vec![
            self.span(printable(&run.name), Look::Heading),
            self.span(format!("  {state}"), if run.paused { Look::Doubtful } else { Look::Good }),
            Span::raw(printable(&if waits.is_empty() { time } else { waits })),
        ])
    }

    fn load(&self) -> Line<'static> {
        let now = &self.live.now;
        let rate = |n: u64| human::rate(n as f64 / now.width_s.max(1) as f64);
        let users = now
            .users_asked
            .map(|asked| format!("   users {:.0} of {asked:.0}", now.users.unwrap_or_default()));
        let planned: u64 = self.live.scenarios.iter().map(|scenario| scenario.planned).sum();
        Line::from(format!(
            "asked {}   planned {}   started {}   finished {}{}   in flight {}",
            human::rate(now.asked),
            human::count(planned),
            rate(now.started),
            rate(now.finished),
            users.unwrap_or_default(),
            human::count(now.in_flight),
        ))
    }

    fn times(&self) -> Line<'static> {
        let now = &self.live.now;
        let time = |us: Option<u64>| us.map_or_else(|| "-".to_owned(), |us| human::time(us as f64));
        let [p50, p95, p99] = [now.p50, now.p95, now.p99].map(time);
        let lag = human::time(now.send_lag_p99_us as f64);
        Line::from(format!("response time p50 {p50}   p95 {p95}   p99 {p99}   send lag p99 {lag}"))
    }

    fn trouble(&self) -> Line<'static> {
        let sum = |of: fn(&common::live::LiveSeries) -> u64| self.live.series.iter().map(of).sum::<u64>();
        let (requests, errors) = (sum(|row| row.requests), sum(|row| row.errors));
        let share = human::share(errors as f64 / requests.max(1) as f64);
        let text = format!("errors {} of {} ({share})", human::count(errors), human::count(requests));
        let kinds = self.live.now.errors.iter();
        let kinds: Vec<String> = kinds.map(|(kind, n)| format!("{} × {n}", kind.replace('_', " "))).collect();
        let look = if errors > 0 { Look::Bad } else { Look::Plain };
        let kinds = if kinds.is_empty() { String::new() } else { format!("   now: {}", kinds.join(", ")) };
        Line::from(vec![self.span(text, look), Span::raw(kinds)])
    }

    fn gauge(&self, frame: &mut Frame<'_>, area: Rect) {
        let run = &self.live.run;
        let done = if run.load_end_s > 0.0 { (run.run_time_s / run.load_end_s).clamp(0.0, 1.0) } else { 0.0 };
        frame.render_widget(LineGauge::default().ratio(done).filled_style(self.style(Look::Good)), area);
    }

    fn spark(&self, frame: &mut Frame<'_>, area: Rect, name: &'static str, of: impl Fn(&Pulse) -> u64) {
        let [label, line] = Layout::horizontal([Constraint::Length(10), Constraint::Min(0)]).areas(area);
        let room = usize::from(line.width);
        let data: Vec<u64> =
            self.pulses.iter().skip(self.pulses.len().saturating_sub(room)).map(of).collect();
        frame.render_widget(self.dim(name.to_owned()), label);
        frame.render_widget(Sparkline::default().data(data), line);
    }

    /// Two lines: those that need to be looked at first.
    fn agents(&self) -> Vec<Line<'static>> {
        let mut agents: Vec<&LiveAgent> = self.live.agents.iter().collect();
        agents.sort_by_key(|agent| (is_well(agent), std::cmp::Reverse(agent.send_lag_p99_us)));
        let one = |agent: &&LiveAgent| {
            let text = format!(
                "{} {} {:.0} % cpu, lag {}   ",
                printable(&agent.name),
                agent.state,
                agent.cpu_share * 100.0,
                human::time(agent.send_lag_p99_us as f64)
            );
            self.span(text, if is_well(agent) { Look::Plain } else { Look::Bad })
        };
        let label = self.span(format!("{:<10}", format!("agents {}", agents.len())), Look::Dim);
        let (first, rest) = agents.split_at(agents.len().min(2));
        let first = std::iter::once(label).chain(first.iter().map(one)).collect::<Vec<_>>();
        let rest = std::iter::once(Span::raw(" ".repeat(10))).chain(rest.iter().take(2).map(one));
        vec![Line::from(first), Line::from(rest.collect::<Vec<_>>())]
    }

    fn thresholds(&self) -> Line<'static> {
        let pill = |row: &LiveThreshold| {
            let (mark, look) = match row.state {
                Standing::Ok => ('✓', Look::Good),
                Standing::Broken => ('✗', Look::Bad),
                Standing::Waiting => ('·', Look::Dim),
            };
            self.span(format!("{mark} {} {}   ", printable(&row.metric), printable(&row.limit)), look)
        };
        // Broken ones first: there may be more than fit.
        let mut rows: Vec<&LiveThreshold> = self.live.thresholds.iter().collect();
        rows.sort_by_key(|row| row.state != Standing::Broken);
        Line::from(rows.into_iter().map(pill).collect::<Vec<_>>())
    }

    fn keys(&self) -> Line<'static> {
        let change = match self.chosen() {
            Some((name, Knob::Rate, now)) => {
                format!("+ - rate of {} ({})   ", printable(name), human::rate(now))
            }
            Some((name, Knob::Users, now)) => format!("+ - users of {} ({now:.0})   ", printable(name)),
            None => String::new(),
        };
        let next = if self.live.scenarios.len() > 1 { "tab next scenario   " } else { "" };
        let pause = if self.live.run.paused { "p resume" } else { "p pause" };
        self.dim(format!("s stop   {pause}   {change}{next}q leave the view, the run goes on"))
    }

    fn dim(&self, text: String) -> Line<'static> {
        Line::from(self.span(text, Look::Dim))
    }

    fn span(&self, text: String, look: Look) -> Span<'static> {
        Span::styled(text, self.style(look))
    }

    fn style(&self, look: Look) -> Style {
        let style = match look {
            Look::Heading => return Style::new().add_modifier(Modifier::BOLD),
            Look::Dim => return Style::new().add_modifier(Modifier::DIM),
            Look::Plain => return Style::new(),
            Look::Good => Style::new().fg(Color::Green),
            Look::Doubtful => Style::new().fg(Color::Yellow),
            Look::Bad => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
        };
        if self.color { style } else { Style { fg: None, ..style } }
    }
}

fn is_well(agent: &LiveAgent) -> bool {
    !matches!(agent.state.as_str(), "lost" | "away" | "gone")
}

/// Beats that are remembered: as many as the widest terminal shows.
const PULSES_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;
    use common::live::{LiveRun, LiveScenario};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use std::collections::BTreeMap;

    fn feed() -> Feed {
        let pulse = |t_s: u64| Pulse {
            t_s,
            width_s: 1,
            asked: 200.0,
            started: 199,
            finished: 198,
            in_flight: 7,
            p50: Some(1_200),
            p95: Some(4_000),
            p99: Some(90_000),
            errors: BTreeMap::from([("timeout".into(), 2)]),
            send_lag_p99_us: 41,
            ..Pulse::default()
        };
        let scenario = |name: &str, steer: Vec<Knob>| LiveScenario {
            name: name.into(),
            kind: "rate".into(),
            asked_rate: Some(200.0),
            planned: 2_400,
            steer,
            ..LiveScenario::default()
        };
        let agent = |name: &str, state: &str| LiveAgent {
            name: name.into(),
            state: state.into(),
            send_lag_p99_us: 41,
            cpu_share: 0.25,
            ..LiveAgent::default()
        };
        let threshold = |metric: &str, state| LiveThreshold {
            metric: metric.into(),
            scope: String::new(),
            limit: "< 250ms".into(),
            value: None,
            unit: "us".into(),
            state,
            abort: false,
        };
        let live = Live {
            run: LiveRun {
                name: "shop\u{1b}[2J".into(),
                state: "running".into(),
                run_time_s: 12.0,
                load_end_s: 60.0,
                ..LiveRun::default()
            },
            now: pulse(11),
            scenarios: vec![
                scenario("browse", vec![Knob::Rate]),
                scenario("tries", vec![]),
                scenario("users", vec![Knob::Users]),
            ],
            agents: vec![agent("a1", "here"), agent("a2", "lost")],
            thresholds: vec![
                threshold("error_rate", Standing::Ok),
                threshold("browse.response_time.p99", Standing::Broken),
            ],
            ..Live::default()
        };
        Feed { reset: true, live, pulse: (0..12).map(pulse).collect(), ..Feed::default() }
    }

    fn drawn(view: &View, width: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, HEIGHT)).unwrap();
        terminal.draw(|frame| view.draw(frame)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let cells: Vec<&str> = buffer.content().iter().map(|cell| cell.symbol()).collect();
        cells.chunks(usize::from(width)).map(|row| row.concat().trim_end().to_owned()).collect()
    }

    #[test]
    fn a_run_at_a_glance() {
        let mut view = View::new(true);
        view.take(feed());
        view.say("rate of browse: 220/s from 13.0 s on".into());
        let lines = drawn(&view, 110);
        let expected = [
            "shop[2J  running  12.0 s of 1m 00s, 48.0 s left",
            "asked 200/s   planned 7,200   started 199/s   finished 198/s   in flight 7",
            "response time p50 1.200 ms   p95 4.000 ms   p99 90.00 ms   send lag p99 41 µs",
            "errors 0 of 0 (0 %)   now: timeout × 2",
        ];
        assert_eq!(lines[..4], expected);
        assert!(lines[5].starts_with("started/s ") && lines[5].contains('█'), "{lines:?}");
        assert_eq!(lines[8], "agents 2  a2 lost 25 % cpu, lag 41 µs   a1 here 25 % cpu, lag 41 µs");
        assert_eq!(lines[10], "✗ browse.response_time.p99 < 250ms   ✓ error_rate < 250ms");
        assert_eq!(
            lines[11],
            "s stop   p pause   + - rate of browse (200/s)   tab next scenario   q leave the view, the run goes on"
        );
        assert_eq!(lines[12], "rate of browse: 220/s from 13.0 s on");
    }

    #[test]
    fn a_narrow_terminal_shows_the_beginnings_and_nothing_breaks() {
        let mut view = View::new(false);
        view.take(feed());
        for width in [1, 9, 10, 40] {
            assert_eq!(drawn(&view, width).len(), usize::from(HEIGHT));
        }
    }

    #[test]
    fn tab_goes_through_what_can_be_changed() {
        let mut view = View::new(false);
        assert_eq!(view.chosen(), None);
        view.take(feed());
        assert_eq!(view.chosen(), Some(("browse", Knob::Rate, 200.0)));
        view.choose_next();
        assert_eq!(view.chosen().unwrap().0, "users");
        view.choose_next();
        assert_eq!(view.chosen().unwrap().0, "browse");
    }
}

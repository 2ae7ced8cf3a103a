//! What the live view shows: pure, from how a run stands to the cells of a terminal.

use super::NOTHING;
use super::prompt::{Prompt, Typed};
use crate::text::Style as Look;
use common::human::{self, printable};
use common::live::{Feed, Knob, Live, LiveAgent, LiveThreshold, Pulse, Standing};
use ratatui::Frame;
use ratatui::crossterm::event::KeyCode;
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
    /// What is being typed.
    prompt: Option<Prompt>,
}

impl View {
    pub(super) fn new(color: bool) -> Self {
        Self {
            live: Live::default(),
            pulses: VecDeque::new(),
            color,
            chosen: 0,
            said: String::new(),
            prompt: None,
        }
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

    /// Lets the operator type what the chosen load is to be.
    pub(super) fn ask(&mut self) {
        self.prompt = self.chosen().map(|(scenario, knob, _)| Prompt::new(scenario, knob));
        self.said = if self.prompt.is_some() { String::new() } else { NOTHING.into() };
    }

    /// What a key comes to that is typed into a line; `None`: there is none.
    pub(super) fn on_typed(&mut self, key: KeyCode) -> Option<Typed> {
        let typed = self.prompt.as_mut()?.on_key(key);
        if matches!(typed, Typed::Wanted(_) | Typed::Cancelled) {
            self.prompt = None;
        }
        Some(typed)
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
        self.operator(frame, rows[11]);
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

    /// The line that is being typed, or the keys there are.
    fn operator(&self, frame: &mut Frame<'_>, area: Rect) {
        let Some(prompt) = &self.prompt else {
            return frame.render_widget(self.dim(self.keys(usize::from(area.width))), area);
        };
        let line = Line::raw(printable(&prompt.line()));
        let end = u16::try_from(line.width()).unwrap_or(u16::MAX);
        frame.set_cursor_position((area.x + end.min(area.width.saturating_sub(1)), area.y));
        let hint = self.span(format!("   {}", prompt.hint()), Look::Dim);
        frame.render_widget(Line::from_iter(line.spans.into_iter().chain([hint])), area);
    }

    /// The keys there are, in as many words as there is room for.
    fn keys(&self, room: usize) -> String {
        let what = self.chosen().map(|(name, knob, now)| match knob {
            Knob::Rate => format!("rate of {} ({})", printable(name), human::rate(now)),
            Knob::Users => format!("users of {} ({now:.0})", printable(name)),
        });
        let pause = if self.live.run.paused { "p resume" } else { "p pause" };
        let several = self.live.scenarios.len() > 1;
        let keys = |change: &str, next: &str, leave: &str| {
            let change = what.as_ref().map(|what| format!("{change} {what}"));
            let next = several.then(|| next.to_owned());
            let parts = ["s stop".to_owned(), pause.to_owned()].into_iter().chain(change).chain(next);
            parts.chain([leave.to_owned()]).collect::<Vec<_>>().join("   ")
        };
        let whole = keys("+ - or a number", "tab next scenario", "q leave the view, the run goes on");
        if whole.chars().count() <= room { whole } else { keys("+ - 0-9", "tab next", "q leave") }
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
mod tests;

//! The live view: a few lines at the lower end of the terminal, and keys that steer the run.
//!
//! It reads the run's [`Board`] like any other viewer and gives its orders like any other operator. What is told while it
//! is there goes above it and stays in the scrollback. A thread of its own draws, so that a slow terminal slows nobody.

use crate::coordinator::Steer;
use crate::feed::Board;
use crate::live;
use common::human;
use common::live::Knob;
use common::time::RunTime;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use ratatui::widgets::{Paragraph, Widget, Wrap};
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::io::{self, Stderr, stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc as tokio_mpsc, oneshot, watch};

mod prompt;
mod view;

use prompt::{Typed, Wanted};
use view::{HEIGHT, View};

/// The view while it is there.
#[derive(Debug)]
pub struct Shown {
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Orders to the run.
type Orders = tokio_mpsc::Sender<Steer>;

/// Shows the run of `board` until [`Shown::end`], or until the operator leaves. Fails when there is no terminal that can
/// be drawn on; then nothing was changed.
pub fn show(board: Arc<Board>, orders: Orders, color: bool) -> io::Result<Shown> {
    restore_on_panic();
    enable_raw_mode()?;
    let options = TerminalOptions { viewport: Viewport::Inline(HEIGHT) };
    let terminal = Terminal::with_options(CrosstermBackend::new(stderr()), options);
    let terminal = terminal.inspect_err(|_| disable_raw_mode().unwrap_or_default())?;
    let (lines, told) = mpsc::channel();
    let (over, newest) = (Arc::new(AtomicBool::new(false)), board.newest());
    let (view, answers) = (View::new(color), Vec::new());
    let screen = Screen { terminal, told, board, orders, view, newest, edition: 0, answers };
    let ending = Arc::clone(&over);
    let thread = std::thread::Builder::new().name("view".into()).spawn(move || screen.run(&ending));
    let thread = thread.inspect_err(|_| disable_raw_mode().unwrap_or_default())?;
    live::lead(Some(lines));
    Ok(Shown { over, thread })
}

impl Shown {
    /// Takes the view away and gives the terminal back.
    pub fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        // One that panicked has restored the terminal and told why.
        self.thread.join().unwrap_or_default();
    }
}

struct Screen {
    terminal: Terminal<CrosstermBackend<Stderr>>,
    told: mpsc::Receiver<String>,
    board: Arc<Board>,
    orders: Orders,
    view: View,
    newest: watch::Receiver<u64>,
    edition: u64,
    /// What was asked for, and whether it came.
    answers: Vec<(String, Answer)>,
}

/// Looks whether the answer to an order has come: from when on it holds, or why not.
type Answer = Box<dyn FnMut() -> Option<Result<String, String>> + Send>;

impl Screen {
    fn run(mut self, over: &AtomicBool) {
        let mut left = false;
        while !left && !over.load(Ordering::Relaxed) {
            // A terminal that went away is no reason to stop a run.
            match self.turn() {
                Ok(stays) => left = !stays,
                Err(_) => break,
            }
        }
        live::lead(None);
        let top = self.terminal.get_frame().area().as_position();
        self.terminal.clear().unwrap_or_default();
        self.terminal.set_cursor_position(top).unwrap_or_default();
        disable_raw_mode().unwrap_or_default();
        self.terminal.show_cursor().unwrap_or_default();
        for line in self.told.try_iter() {
            live::say(&line);
        }
        if left {
            live::say("the view is closed; the run goes on: Ctrl-C ends it, as does `controller stop`");
        }
    }

    /// Waits for a key or a while; draws what is new. Returns whether the operator stays.
    fn turn(&mut self) -> io::Result<bool> {
        if event::poll(PATIENCE)?
            && let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
            && !self.on_key(key)
        {
            return Ok(false);
        }
        let told: Vec<String> = self.told.try_iter().collect();
        for line in told.iter().flat_map(|told| told.lines()) {
            let text = Paragraph::new(human::printable(line)).wrap(Wrap { trim: false });
            let width = self.terminal.size()?.width.max(1);
            let height = line.chars().count().div_ceil(usize::from(width)).clamp(1, 20) as u16;
            self.terminal.insert_before(height, |buffer| text.render(buffer.area, buffer))?;
        }
        self.hear();
        // Taking copies, so only what is new is taken.
        if *self.newest.borrow_and_update() != self.edition {
            let taken = self.board.take(self.edition);
            self.edition = taken.edition;
            self.view.take(taken.feed);
        }
        self.terminal.draw(|frame| self.view.draw(frame))?;
        Ok(true)
    }

    /// Does what a key says; returns whether the operator stays.
    fn on_key(&mut self, key: KeyEvent) -> bool {
        if (key.code, key.modifiers) == (KeyCode::Char('c'), KeyModifiers::CONTROL) {
            interrupt();
            return true;
        }
        if let Some(typed) = self.view.on_typed(key.code) {
            match typed {
                Typed::Wanted(wanted) => self.want(wanted),
                Typed::Wrong(why) => self.view.say(why),
                Typed::Cancelled => self.view.say(String::new()),
                Typed::More => {}
            }
            return true;
        }
        match key.code {
            KeyCode::Char('q') => return false,
            KeyCode::Char('s') => {
                self.order("stop", Steer::Stop, |()| "letting requests under way end".into())
            }
            KeyCode::Char('p') if self.view.live().run.paused => self.order("go on", Steer::Resume, from),
            KeyCode::Char('p') => self.order("pause", Steer::Pause, from),
            KeyCode::Char('+' | '=') => self.change(STEP_UP),
            KeyCode::Char('-') => self.change(STEP_DOWN),
            KeyCode::Enter => self.view.ask(),
            KeyCode::Char('0'..='9') => {
                self.view.ask();
                // The first digit is part of what is wanted.
                self.view.on_typed(key.code);
            }
            KeyCode::Tab => self.view.choose_next(),
            _ => {}
        }
        true
    }

    /// Asks for `factor` as much of the chosen load.
    fn change(&mut self, factor: f64) {
        let Some((scenario, knob, now)) = self.view.chosen() else {
            return self.view.say(NOTHING.into());
        };
        let scenario = scenario.to_owned();
        self.want(match knob {
            Knob::Rate => Wanted::Rate { scenario, milli: (now * factor * 1000.0).round() as u64 },
            Knob::Users => {
                // A change is at least one user.
                let step =
                    if factor > 1.0 { (now * factor).max(now + 1.0) } else { (now * factor).min(now - 1.0) };
                Wanted::Users { scenario, users: step.round().max(0.0) as u32 }
            }
        });
    }

    fn want(&mut self, wanted: Wanted) {
        match wanted {
            Wanted::Rate { scenario, milli } => {
                let what = format!("rate of {scenario}: {}", human::rate(milli as f64 / 1000.0));
                self.order(&what, |reply| Steer::Rate { scenario, milli, reply }, from);
            }
            Wanted::Users { scenario, users } => {
                let what = format!("users of {scenario}: {users}");
                let order = |reply| Steer::Users { scenario, users, spawn_milli: None, reply };
                self.order(&what, order, from);
            }
        }
    }

    /// Gives an order; its answer is shown when it comes.
    fn order<T: Send + 'static>(
        &mut self,
        what: &str,
        order: impl FnOnce(oneshot::Sender<Result<T, String>>) -> Steer,
        told: impl FnOnce(T) -> String + Send + 'static,
    ) {
        let (reply, mut answer) = oneshot::channel();
        if self.orders.try_send(order(reply)).is_err() {
            return self.view.say(format!("{what}: the run is ending"));
        }
        let mut told = Some(told);
        let look = move || match answer.try_recv() {
            Ok(result) => Some(result.map(|value| told.take().map_or_else(String::new, |told| told(value)))),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(Err("the run is ending".into())),
        };
        self.answers.push((what.to_owned(), Box::new(look)));
        self.view.say(format!("{what} …"));
    }

    fn hear(&mut self) {
        let view = &mut self.view;
        self.answers.retain_mut(|(what, answer)| {
            let heard = answer();
            match &heard {
                Some(Ok(told)) => view.say(format!("{what}: {told}")),
                Some(Err(why)) => view.say(format!("{what}: not done: {why}")),
                None => {}
            }
            heard.is_none()
        });
    }
}

fn from(at: RunTime) -> String {
    format!("from {} on", human::length(at.nanos() as f64 / 1e9))
}

/// In raw mode the terminal sends no signal for Ctrl-C: the program sends it to itself, so that there is one way to end.
fn interrupt() {
    use rustix::process::{Signal, getpid, kill_process};
    kill_process(getpid(), Signal::INT).unwrap_or_default();
}

/// A panic must not leave the terminal raw.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panicked| {
            disable_raw_mode().unwrap_or_default();
            before(panicked);
        }));
    });
}

/// What is said when there is no load to be changed.
const NOTHING: &str = "nothing of this run can be changed now";
/// How long a key is waited for before what is new is drawn.
const PATIENCE: Duration = Duration::from_millis(200);
/// What `+` and `-` make of a rate.
const STEP_UP: f64 = 1.1;
const STEP_DOWN: f64 = 1.0 / 1.1;

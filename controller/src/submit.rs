//! `controller submit`: a plan for a controller that stays, followed in plain lines to its end.

use crate::exit::{Exit, Failure};
use crate::live::say;
use crate::read::parse_plan;
use crate::start::{print, terminal};
use crate::text;
use crate::web::shapes::{Created, NewRun, OverEvent, Problem, Problems};
use common::human;
use common::live::{Feed, Live};
use common::report::Report;
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// What `controller submit` was asked to do.
#[derive(Clone, Debug)]
pub struct Submit {
    /// The plan.
    pub plan: PathBuf,
    /// How many agents the run is to wait for.
    pub agents: Option<u32>,
    /// How it is to be called.
    pub name: Option<String>,
    /// Whether to follow it to its end.
    pub wait: bool,
    /// Where the controller's page is: `http://HOST:PORT`.
    pub web: String,
    /// What the page wants to be shown.
    pub token: Option<String>,
}

/// An answer whose body is still to come.
struct Answer {
    status: u16,
    body: BufReader<TcpStream>,
}

impl Submit {
    /// Submits the plan; with `wait` the exit code is the run's own.
    pub async fn run(&self, mut interrupts: mpsc::Receiver<()>) -> Result<Exit, Failure> {
        let path = self.plan.display().to_string();
        let plan = std::fs::read_to_string(&self.plan)
            .map_err(|error| Failure::new(Exit::BadPlan, format!("read plan {path}: {error}")))?;
        // Its problems are told here, with the lines in which they are.
        let plan = parse_plan(&path, plan)?.text;
        let order = NewRun { plan, agents: self.agents, name: self.name.clone() };
        let order = serde_json::to_string(&order).map_err(|error| Failure::internal(error.to_string()))?;
        let answer = self.ask("POST", "/api/runs", "", &order).await?;
        let Created { id } = match answer.status {
            201 => answer.json().await?,
            422 => return Err(told(answer.json().await?)),
            _ => return Err(answer.refused().await),
        };
        if !self.wait {
            print(&format!("{id}\n"));
            return Ok(Exit::Ok);
        }
        say(&format!("submitted run {id}"));
        tokio::select! {
            biased;
            _ = interrupts.recv() => {
                say(&format!("not followed any more; the run goes on: {}/runs/{id}", self.web));
                Ok(Exit::Interrupted)
            }
            over = self.follow(&id) => self.end(&id, over?).await,
        }
    }

    async fn end(&self, id: &str, over: OverEvent) -> Result<Exit, Failure> {
        let exit = Exit::of_code(over.exit);
        if let Some(why) = over.failure {
            return Err(Failure::new(exit, why));
        }
        let answer = self.ask("GET", &format!("/api/runs/{id}/report"), "", "").await?;
        if answer.status != 200 {
            return Err(answer.refused().await);
        }
        let report: Report = answer.json().await?;
        let (width, color) = terminal();
        print(&text::render(&report, width, color));
        Ok(exit)
    }

    /// Follows a run to its end, over streams that break if need be.
    async fn follow(&self, id: &str) -> Result<OverEvent, Failure> {
        let (mut last, mut shown, mut failures) = (String::from("0"), Shown::default(), 0);
        loop {
            match self.stream(id, &mut last, &mut shown).await {
                Ok(Some(over)) => return Ok(over),
                Ok(None) => failures = 0,
                Err(failure) if failures >= TRIES || failure.exit == Exit::Usage => return Err(failure),
                Err(_) => failures += 1,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn stream(
        &self,
        id: &str,
        last: &mut String,
        shown: &mut Shown,
    ) -> Result<Option<OverEvent>, Failure> {
        let header = format!("last-event-id: {last}\r\n");
        let answer = self.ask("GET", &format!("/api/runs/{id}/events"), &header, "").await?;
        if answer.status != 200 {
            return Err(answer.refused().await);
        }
        let mut lines = answer.body.lines();
        let (mut event, mut number) = (String::new(), String::new());
        // A stream that breaks is a stream that ends.
        while let Ok(Some(line)) = lines.next_line().await {
            match line.split_once(": ") {
                Some(("event", name)) => event = name.into(),
                Some(("id", id)) => number = id.into(),
                Some(("data", data)) if event == "feed" => {
                    shown.show(&parse::<Feed>(data)?);
                    last.clone_from(&number);
                }
                Some(("data", data)) if event == "over" => return parse(data).map(Some),
                _ => {}
            }
        }
        Ok(None)
    }

    async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Result<Answer, Failure> {
        let at = self.web.trim_end_matches('/');
        let at = at.strip_prefix("http://").ok_or_else(|| {
            Failure::usage(format!("--web {at}: name the controller's page like http://127.0.0.1:8080"))
        })?;
        let token =
            self.token.as_ref().map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        let length = body.len();
        // HTTP/1.0: one answer, and its end is the connection's.
        let request = format!(
            "{method} {path} HTTP/1.0\r\nhost: {at}\r\n{token}{headers}content-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        let unreachable = |error: std::io::Error| {
            Failure::internal(format!(
                "no controller answers at {at}: {error}; start one with `controller start`, or name its page with --web"
            ))
        };
        let asked = async {
            let mut stream = TcpStream::connect(at).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut body = BufReader::new(stream);
            let (mut line, mut status) = (String::new(), 0);
            while body.read_line(&mut line).await? > 0 && !line.trim_end().is_empty() {
                if status == 0 {
                    status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(599);
                }
                line.clear();
            }
            Ok(Answer { status, body })
        };
        let late = || std::io::Error::from(std::io::ErrorKind::TimedOut);
        let answer = tokio::time::timeout(ANSWER_WITHIN, asked).await;
        answer.map_err(|_| unreachable(late()))?.map_err(unreachable)
    }
}

impl Answer {
    async fn json<T: DeserializeOwned>(mut self) -> Result<T, Failure> {
        let mut text = String::new();
        let read = self.body.read_to_string(&mut text).await;
        read.map_err(|error| Failure::internal(format!("read the controller's answer: {error}")))?;
        parse(&text)
    }

    async fn refused(self) -> Failure {
        let status = self.status;
        match self.json::<Problem>().await {
            Ok(Problem { error, remedy }) => Failure::usage(format!("{error}: {remedy}")),
            Err(_) => Failure::internal(format!("the controller answered with status {status}")),
        }
    }
}

/// What was shown of a run.
#[derive(Default)]
struct Shown {
    state: String,
    t_s: Option<u64>,
}

impl Shown {
    fn show(&mut self, feed: &Feed) {
        feed.log.iter().for_each(|line| say(&human::printable(&line.text)));
        let run = &feed.live.run;
        let waits = format!("{} {}", run.state, run.waiting_for.join(", "));
        if matches!(run.state.as_str(), "queued" | "gathering" | "preparing") && self.state != waits {
            say(human::printable(&waits).trim_end());
            self.state = waits;
        }
        let now = &feed.live.now;
        if run.state == "running" && now.width_s > 0 && self.t_s.is_none_or(|t_s| t_s < now.t_s) {
            self.t_s = Some(now.t_s);
            say(&line(&feed.live));
        }
    }
}

fn line(live: &Live) -> String {
    let (run, now) = (&live.run, &live.now);
    let time = |us: Option<u64>| us.map_or_else(|| "-".to_owned(), |us| human::time(us as f64));
    let asked = now.users_asked.map_or_else(|| human::rate(now.asked), |users| format!("{users:.0} users"));
    let errors = now.errors.values().sum::<u64>() as f64 / now.finished.max(1) as f64;
    format!(
        "{:>6}/{}  asked {asked}  sent {}  p50 {}  p95 {}  p99 {}  errors {}  in flight {}",
        human::length(run.run_time_s.min(run.load_end_s).floor()),
        human::length(run.load_end_s),
        human::rate(now.started as f64 / now.width_s.max(1) as f64),
        time(now.p50),
        time(now.p95),
        time(now.p99),
        human::share(errors),
        now.in_flight,
    )
}

fn told(Problems { problems }: Problems) -> Failure {
    let line = |own: &crate::web::shapes::PlanProblem| match own.line {
        0 => format!("error: {}\n  {}\n", own.message, own.remedy),
        line => format!("error: line {line}, column {}: {}\n  {}\n", own.column, own.message, own.remedy),
    };
    let list: String = problems.iter().map(line).collect();
    Failure::new(Exit::BadPlan, list.trim_end())
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::internal(format!(
            "the controller's answer cannot be read ({error}): is it of another version?"
        ))
    })
}

/// Answers begin within this.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_secs(1);
/// So often in a row the controller may not answer.
const TRIES: u32 = 5;

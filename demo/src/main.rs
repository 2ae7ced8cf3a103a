//! The program: `demo` with flags serves; `demo health URL` and `demo stats URL` ask a running service.

use clap::{Args, Parser, Subcommand};
use demo::{Capacity, Config, Latency, Recording, Service, Stall, StatusWeights, Tls};
use std::{
    error::Error,
    io::{self, Write},
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    path::PathBuf,
    process::ExitCode,
};
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
};

/// A service to shoot at: fast, countable, and slow in ways that are known exactly.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Subcommand)]
enum Command {
    /// Exit with 0 if `GET /health` of a running service answers 200.
    Health {
        /// Where the service listens, as http://HOST:PORT.
        url: String,
    },
    /// Print what a running service counted, as its `GET /stats` tells it.
    Stats {
        /// Where the service listens, as http://HOST:PORT.
        url: String,
    },
}

#[derive(Args)]
struct Flags {
    /// Where to listen; port 0 takes a free port.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Seed of statuses, latencies and sizes.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Statuses of /random with their weights [default: 200=985,404=10,500=5].
    #[arg(long, value_name = "STATUS=WEIGHT,…")]
    statuses: Option<StatusWeights>,
    /// Latency of /random: `2ms`, `1ms..5ms` or `lognormal:MEDIAN:SIGMA` [default: lognormal:2ms:0.5].
    #[arg(long)]
    latency: Option<Latency>,
    /// Documents that /api/index takes per second.
    #[arg(long, value_name = "N/s", default_value = "500/s")]
    index_capacity: Capacity,
    /// Documents that may be in /api/index; beyond it the answer is 503.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    index_queue: u32,
    /// Stand still in this window, counted from the first request, like 4s..6s.
    #[arg(long, value_name = "FROM..TO")]
    stall: Option<Stall>,
    /// Write one CSV row per request to this file.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Speak TLS with this certificate chain (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "tls_self_signed")]
    tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Speak TLS with a certificate for localhost from a CA made now, written to this file (PEM).
    #[arg(long, value_name = "CA_OUT_FILE")]
    tls_self_signed: Option<PathBuf>,
    /// Threads that answer.
    #[arg(long, value_name = "N", default_value = "1")]
    threads: NonZeroUsize,
}

impl Flags {
    fn into_config(self) -> Config {
        let defaults = Config::default();
        Config {
            seed: self.seed,
            statuses: self.statuses.unwrap_or(defaults.statuses),
            latency: self.latency.unwrap_or(defaults.latency),
            index_capacity: self.index_capacity,
            index_queue: self.index_queue,
            stall: self.stall,
            recording: self.record.map_or(Recording::Off, Recording::File),
            tls: match (self.tls_cert.zip(self.tls_key), self.tls_self_signed) {
                (Some((cert, key)), _) => Tls::Files { cert, key },
                (None, Some(ca_out)) => Tls::SelfSigned { ca_out },
                (None, None) => Tls::Off,
            },
            threads: self.threads,
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Command::Health { url }) => demo::check(&url).map_err(Into::into),
        Some(Command::Stats { url }) => print_stats(&url),
        None => serve(cli.flags),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&*error);
            ExitCode::FAILURE
        }
    }
}

/// Writes the body of the answer and nothing else.
fn print_stats(url: &str) -> Result<(), Box<dyn Error>> {
    let stats = demo::fetch_stats(url)?;
    io::stdout().write_all(&stats).map_err(|error| format!("write to stdout: {error}").into())
}

/// Serves until SIGINT or SIGTERM.
fn serve(flags: Flags) -> Result<(), Box<dyn Error>> {
    let listener =
        TcpListener::bind(flags.listen).map_err(|error| format!("listen on {}: {error}", flags.listen))?;
    let signals = runtime::Builder::new_current_thread().enable_all().build()?;
    // Before the first answer, so that no signal comes too early to be heard.
    let (mut interrupt, mut terminate) = signals.block_on(async {
        io::Result::Ok((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    })?;
    let mut running = Service::start(flags.into_config(), listener)?;
    announce(&running.url());
    signals.block_on(async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
    Ok(running.stop()?)
}

#[expect(clippy::print_stdout, reason = "whoever started the program on port 0 reads the address here")]
fn announce(url: &str) {
    println!("listening on {url}");
}

#[expect(clippy::print_stderr, reason = "the one place where the program says why it failed")]
fn complain(error: &dyn Error) {
    eprintln!("demo: failed to {error}");
}

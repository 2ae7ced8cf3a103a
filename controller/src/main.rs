//! The controller's program.

use clap::Parser;
use stampede_controller::cli::Cli;
use stampede_controller::exit::Exit;
use stampede_controller::live::say;
use std::process::ExitCode;
use tokio::sync::mpsc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    raise_open_files();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&format!("failed to start: {error}"));
            return Exit::Internal.into();
        }
    };
    let outcome = runtime.block_on(async {
        let (interrupt, interrupts) = mpsc::channel(4);
        tokio::spawn(signals(interrupt));
        // On a worker, where the agents' streams are: a task on this thread would be woken anew for every message.
        tokio::spawn(async move { cli.run(interrupts).await }).await
    });
    runtime.shutdown_background();
    match outcome {
        Ok(Ok(exit)) => exit.into(),
        Err(panicked) => {
            say(&format!("error: {panicked}"));
            Exit::Internal.into()
        }
        Ok(Err(failure)) => {
            // The problems of a plan name themselves.
            let prefix = if failure.exit == Exit::BadPlan { "" } else { "error: " };
            say(&format!("{prefix}{}", failure.message));
            failure.exit.into()
        }
    }
}

/// Every agent has two connections, and the usual limit of 1,024 open files would turn the 500th away.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where it cannot be raised a fleet of that size is refused, and an ordinary one is not.
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap_or_default();
}

/// Turns Ctrl-C and SIGTERM into interrupts, as often as they come.
async fn signals(interrupt: mpsc::Sender<()>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut ctrl_c), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return say("signals cannot be handled on this system: Ctrl-C ends the program without a report");
    };
    loop {
        tokio::select! {
            _ = ctrl_c.recv() => {}
            _ = term.recv() => {}
        }
        if interrupt.send(()).await.is_err() {
            return;
        }
    }
}

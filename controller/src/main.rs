//! The controller's program.

use clap::Parser;
use stampede_controller::cli::Cli;
use stampede_controller::exit::Exit;
use stampede_controller::live::say;
use std::process::ExitCode;
use tokio::sync::mpsc;

fn main() -> ExitCode {
    let cli = Cli::parse();
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
        cli.run(interrupts).await
    });
    runtime.shutdown_background();
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            // The problems of a plan name themselves.
            let prefix = if failure.exit == Exit::BadPlan { "" } else { "error: " };
            say(&format!("{prefix}{}", failure.message));
            failure.exit.into()
        }
    }
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

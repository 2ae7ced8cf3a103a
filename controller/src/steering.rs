//! `controller status|stop|rate|users|pause|resume`: steering a controller that runs.

use crate::exit::{Exit, Failure};
use common::human;
use common::rate::Rate;
use proto::v1::admin_service_client::AdminServiceClient;
use proto::v1::{
    PauseRequest, ResumeRequest, SetRateRequest, SetUsersRequest, StatusReply, StatusRequest, StopRunRequest,
};
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;
use tonic::transport::Channel;
use tonic::{Response, Status};

/// How the run of the controller at `address` stands, as text.
pub async fn status(address: SocketAddr) -> Result<String, Failure> {
    let mut client = connect(address).await?;
    let reply = within(address, client.status(StatusRequest {})).await?;
    Ok(text(&reply))
}

/// Ends the run: what is under way ends, the report is made there.
pub async fn stop(address: SocketAddr) -> Result<String, Failure> {
    let mut client = connect(address).await?;
    within(address, client.stop_run(StopRunRequest {})).await?;
    Ok("stopping: requests under way end, then the controller reports\n".into())
}

/// Changes the rate of a scenario until the end of its load.
pub async fn rate(address: SocketAddr, scenario: String, rate: Rate) -> Result<String, Failure> {
    let mut client = connect(address).await?;
    let request = SetRateRequest { scenario: scenario.clone(), rate_milli: rate.milli() };
    let reply = within(address, client.set_rate(request)).await?;
    let at = human::length(reply.at as f64 / 1e9);
    Ok(format!("{scenario}: {rate} from {at} of the run on, on all agents at the same arrival\n"))
}

/// Changes the users of a scenario until the end of its load.
pub async fn users(
    address: SocketAddr,
    scenario: String,
    users: u32,
    spawn: Option<Rate>,
) -> Result<String, Failure> {
    if spawn == Some(Rate::ZERO) {
        return Err(Failure::usage(
            "nobody is spawned at 0/s: write a rate above zero, for example --spawn 10/s",
        ));
    }
    let mut client = connect(address).await?;
    let spawn_milli = spawn.map_or(0, Rate::milli);
    let request = SetUsersRequest { scenario: scenario.clone(), users, spawn_milli };
    let reply = within(address, client.set_users(request)).await?;
    let pace = spawn.map_or_else(|| "at once".to_owned(), |spawn| format!("at {spawn}"));
    let (users, at) = (human::count(users.into()), human::length(reply.at as f64 / 1e9));
    Ok(format!("{scenario}: to {users} users {pace}, from {at} of the run on\n"))
}

/// Begins nothing more until it is resumed.
pub async fn pause(address: SocketAddr) -> Result<String, Failure> {
    let mut client = connect(address).await?;
    let reply = within(address, client.pause(PauseRequest {})).await?;
    let at = human::length(reply.at as f64 / 1e9);
    Ok(format!("paused from {at} of the run on: what is under way ends, and time goes on\n"))
}

/// Goes on with what is asked for at that time.
pub async fn resume(address: SocketAddr) -> Result<String, Failure> {
    let mut client = connect(address).await?;
    let reply = within(address, client.resume(ResumeRequest {})).await?;
    let at = human::length(reply.at as f64 / 1e9);
    Ok(format!("going on from {at} of the run on; what the pause kept back is not made up for\n"))
}

fn text(reply: &StatusReply) -> String {
    let seconds = |nanos: u64| human::length((nanos as f64 / 1e9).floor());
    let mut text = format!("{} ({}): {}", reply.plan, reply.run_id, reply.state);
    if reply.run_time > 0 {
        // Writing into a string cannot fail.
        write!(text, ", {} of {}", seconds(reply.run_time), seconds(reply.load_end)).unwrap_or_default();
    }
    text.push_str(if reply.paused { ", paused\n" } else { "\n" });
    if !reply.waiting_for.is_empty() && reply.state != "running" {
        writeln!(text, "waiting for {}", reply.waiting_for.join(", ")).unwrap_or_default();
    }
    for scenario in &reply.scenarios {
        let rate = match scenario.users {
            Some(users) => format!("{} users", human::count(users.into())),
            None => human::rate(scenario.rate_milli as f64 / 1000.0),
        };
        let (started, finished) = (human::count(scenario.started), human::count(scenario.finished));
        writeln!(text, "scenario {:<20} {rate:>12}  started {started}, finished {finished}", scenario.name)
            .unwrap_or_default();
    }
    for agent in &reply.agents {
        writeln!(
            text,
            "agent    {:<20} {:<9} {:>4} lanes, {} in flight, heard {} ms ago",
            agent.name, agent.state, agent.lanes, agent.in_flight, agent.silent_ms
        )
        .unwrap_or_default();
    }
    text
}

async fn connect(address: SocketAddr) -> Result<AdminServiceClient<Channel>, Failure> {
    let connecting = AdminServiceClient::connect(format!("http://{address}"));
    let connected = tokio::time::timeout(WITHIN, connecting).await;
    connected.ok().and_then(Result::ok).ok_or_else(|| {
        Failure::new(
            Exit::Internal,
            format!(
                "no controller can be steered at {address}: name the address of its --admin with --admin"
            ),
        )
    })
}

async fn within<T>(
    address: SocketAddr,
    asked: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(WITHIN, asked).await {
        Ok(Ok(reply)) => Ok(reply.into_inner()),
        Ok(Err(status)) => Err(Failure::usage(status.message())),
        Err(_) => Err(Failure::internal(format!("the controller at {address} did not answer in time"))),
    }
}

const WITHIN: Duration = Duration::from_secs(10);

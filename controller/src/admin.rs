//! The operator's side door: status, stop, rate, users and pauses of the run that is on, over gRPC on loopback.

use crate::coordinator::Steer;
use common::time::RunTime;
use proto::v1;
use proto::v1::admin_service_server::{AdminService, AdminServiceServer};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// Hands wishes to the coordinator.
#[derive(Debug)]
pub struct Admin {
    wishes: mpsc::Sender<Steer>,
}

impl Admin {
    /// Serves operators on `listener` until the task is dropped.
    pub async fn serve(wishes: mpsc::Sender<Steer>, listener: TcpListener) -> Result<(), String> {
        let service = AdminServiceServer::new(Self { wishes });
        let incoming = TcpListenerStream::new(listener);
        let served = Server::builder().add_service(service).serve_with_incoming(incoming).await;
        served.map_err(|error| format!("serve operators: {error}"))
    }

    async fn ask<T>(&self, wish: impl FnOnce(oneshot::Sender<T>) -> Steer) -> Result<T, Status> {
        let (reply, answer) = oneshot::channel();
        let ending = || Status::unavailable("no run is on, or the controller is ending");
        self.wishes.send(wish(reply)).await.map_err(|_| ending())?;
        answer.await.map_err(|_| ending())
    }
}

#[tonic::async_trait]
impl AdminService for Admin {
    async fn status(&self, _: Request<v1::StatusRequest>) -> Result<Response<v1::StatusReply>, Status> {
        self.ask(Steer::Status).await.map(Response::new)
    }

    async fn stop_run(&self, _: Request<v1::StopRunRequest>) -> Result<Response<v1::StopRunReply>, Status> {
        let stopped = self.ask(Steer::Stop).await?;
        stopped.map(|()| Response::new(v1::StopRunReply {})).map_err(Status::failed_precondition)
    }

    async fn set_rate(
        &self,
        request: Request<v1::SetRateRequest>,
    ) -> Result<Response<v1::SetRateReply>, Status> {
        let v1::SetRateRequest { scenario, rate_milli: milli } = request.into_inner();
        if milli > common::schedule::RATE_MILLI_MAX {
            return Err(Status::invalid_argument("the rate is above 10,000,000/s"));
        }
        let revised = self.ask(|reply| Steer::Rate { scenario, milli, reply }).await?;
        let reply = |at: RunTime| Response::new(v1::SetRateReply { at: at.nanos() });
        revised.map(reply).map_err(Status::failed_precondition)
    }

    async fn set_users(
        &self,
        request: Request<v1::SetUsersRequest>,
    ) -> Result<Response<v1::SetUsersReply>, Status> {
        let v1::SetUsersRequest { scenario, users, spawn_milli } = request.into_inner();
        let spawn_milli = Some(spawn_milli).filter(|milli| *milli > 0);
        let changed = self.ask(|reply| Steer::Users { scenario, users, spawn_milli, reply }).await?;
        let reply = |at: RunTime| Response::new(v1::SetUsersReply { at: at.nanos() });
        changed.map(reply).map_err(Status::failed_precondition)
    }

    async fn pause(&self, _: Request<v1::PauseRequest>) -> Result<Response<v1::PauseReply>, Status> {
        let paused = self.ask(Steer::Pause).await?;
        let reply = |at: RunTime| Response::new(v1::PauseReply { at: at.nanos() });
        paused.map(reply).map_err(Status::failed_precondition)
    }

    async fn resume(&self, _: Request<v1::ResumeRequest>) -> Result<Response<v1::ResumeReply>, Status> {
        let resumed = self.ask(Steer::Resume).await?;
        let reply = |at: RunTime| Response::new(v1::ResumeReply { at: at.nanos() });
        resumed.map(reply).map_err(Status::failed_precondition)
    }
}

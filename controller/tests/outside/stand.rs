//! A service to shoot at, a controller without a plan, and where its page is.

use crate::programs::Program;
use demo::{Config, Running, Service};
use std::net::TcpListener;

pub(crate) struct Stand {
    pub(crate) service: Running,
    pub(crate) controller: Program,
    pub(crate) page: String,
    pub(crate) data: tempfile::TempDir,
}

impl Stand {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let service = Service::start(Config::default(), listener).unwrap();
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().to_str().unwrap();
        let args = [
            "start",
            "--listen",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
            "--web",
            "127.0.0.1:0",
            "--data-dir",
            folder,
        ];
        let controller = Program::controller(&args);
        let line = controller.hears("page: http://");
        let page = line.strip_prefix("page: ").unwrap().trim_end_matches('/').to_owned();
        Self { service, controller, page, data }
    }

    pub(crate) fn close(mut self) {
        self.controller.kill();
        self.service.stop().unwrap();
    }
}

//! A headless Chromium of our own, over WebDriver (W3C).

use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How large the page is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Screen {
    /// 1600 by 1200.
    Wide,
    /// A telephone: 360 by 740.
    Narrow,
}

/// A browser that ends with this.
pub(crate) struct Browser {
    client: Client,
    driver: Child,
}

impl Browser {
    pub(crate) async fn start(screen: Screen) -> Self {
        let mut driver = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let started =
            lines.find_map(|line| line.ok().filter(|line| line.contains("successfully on port"))).unwrap();
        let port: u16 = started.rsplit(' ').next().unwrap().trim_end_matches('.').parse().unwrap();
        std::thread::spawn(move || lines.count());
        let mut options = json!({ "args": ARGS });
        if screen == Screen::Narrow {
            options["mobileEmulation"] =
                json!({ "deviceMetrics": { "width": 360, "height": 740, "pixelRatio": 2.0 } });
        }
        let capabilities =
            json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let capabilities = capabilities.as_object().unwrap().clone();
        let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
        let client =
            builder.capabilities(capabilities).connect(&format!("http://127.0.0.1:{port}")).await.unwrap();
        Self { client, driver }
    }

    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
        self.execute("window.onerror = (text) => console.error(text)").await;
    }

    /// Types into a field instead of what is there.
    pub(crate) async fn fill(&self, field: &str, text: &str) {
        let element = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(field)).await.unwrap();
        element.clear().await.unwrap();
        element.send_keys(text).await.unwrap();
    }

    /// Puts a long text into a field.
    pub(crate) async fn set(&self, field: &str, text: &str) {
        let script = "document.querySelector(arguments[0]).value = arguments[1]";
        self.client.execute(script, vec![json!(field), json!(text)]).await.unwrap();
    }

    pub(crate) async fn click(&self, what: &str) {
        let element = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(what)).await.unwrap();
        element.click().await.unwrap_or_else(|error| panic!("click {what}: {error}"));
    }

    pub(crate) async fn text(&self, of: &str) -> String {
        self.client.find(Locator::Css(of)).await.unwrap().text().await.unwrap()
    }

    pub(crate) async fn execute(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// Waits until the script gives `true`.
    pub(crate) async fn until(&self, what: &str, script: &str) {
        let looked = async {
            while self.execute(script).await != json!(true) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, looked).await.is_err() {
            self.picture("failed").await;
            let page = self.execute("return document.body.innerText").await;
            panic!("never came: {what}\n{}", page.as_str().unwrap_or_default());
        }
    }

    /// Nothing is cut off at the side.
    pub(crate) async fn fits(&self) {
        let wider = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(self.execute(wider).await, json!(0), "the page is wider than its window");
    }

    /// Neither an error nor a broken policy was told to the console.
    pub(crate) async fn is_clean(&self) {
        let log = self.client.issue_cmd(BrowserLog).await.unwrap();
        let bad = |line: &&Value| line["level"] == "SEVERE";
        let lines: Vec<&Value> = log.as_array().unwrap().iter().filter(bad).collect();
        assert!(lines.is_empty(), "{lines:#?}");
    }

    /// Keeps the whole page as a picture, if pictures are wanted.
    pub(crate) async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("SCREENSHOTS") else { return };
        let picture = self.client.screenshot().await.unwrap();
        std::fs::write(PathBuf::from(folder).join(format!("{name}.png")), picture).unwrap();
    }

    pub(crate) async fn end(self) {
        self.client.clone().close().await.unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.driver.kill().and_then(|()| self.driver.wait()).map(drop).unwrap_or_default();
    }
}

/// Chromium's console: an extension of its driver.
#[derive(Debug)]
struct BrowserLog;

impl fantoccini::wd::WebDriverCompatibleCommand for BrowserLog {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

/// It draws without a screen and asks nobody but our page.
const ARGS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1600,1200",
];
/// How long anything may take to come: a slow machine is not a defect.
const PATIENCE: Duration = Duration::from_secs(60);

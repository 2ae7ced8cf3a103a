//! The page: headless Chromium watches real runs against the demo service.

use crate::driver::{Browser, Screen};
use crate::programs::Program;
use crate::stand::Stand;
use rustix::process::Signal;

async fn start_quickly(browser: &Browser, stand: &Stand, path: &str, users: &str) {
    browser.open(&stand.page).await;
    browser.fill("#quick [name=base_url]", &stand.service.url()).await;
    browser.fill("#quick [name=path]", path).await;
    browser.fill("#quick [name=users]", users).await;
    browser.fill("#quick [name=duration]", "10m").await;
    browser.click("#quick button").await;
    browser.until("the run is on", "return document.getElementById('state').textContent === 'running'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_started_steered_stopped_and_read_on_the_page() {
    let stand = Stand::open();
    let browser = Browser::start(Screen::Wide).await;
    start_quickly(&browser, &stand, "/random", "5").await;
    browser.until("rates are shown", "return document.querySelectorAll('#tiles .tile').length >= 8").await;
    browser.until("charts are drawn", "return document.querySelectorAll('#charts .trace').length >= 3").await;
    browser.picture("running").await;

    browser.fill("#steering [name=users]", "9").await;
    browser.click("#steering button").await;
    browser
        .until(
            "the users are there",
            "return document.getElementById('tiles').textContent.includes('9 of 9')",
        )
        .await;
    browser.click("#pause").await;
    browser.until("it is paused", "return document.getElementById('state').textContent === 'paused'").await;
    browser.click("#pause").await;
    browser.until("it goes on", "return document.getElementById('state').textContent === 'running'").await;
    browser
        .until("errors are kept", "return document.querySelectorAll('#failures details').length > 0")
        .await;

    browser.click("#stop").await;
    browser.until("it is over", "return !document.getElementById('report').hidden").await;
    let told = browser.execute(STATE_AFTER_A_FRAME).await;
    assert_eq!(told, "aborted", "the verdict has the last word");
    browser.click("#report").await;
    browser
        .until("the report is drawn", "return document.querySelectorAll('#charts .trace').length >= 3")
        .await;
    browser
        .until(
            "processors too",
            "return document.getElementById('charts').textContent.includes('CPU by agent')",
        )
        .await;
    let title = browser.text("h1").await;
    assert!(!title.is_empty());
    assert!(browser.text(".verdict").await.contains("the operator stopped the run"));
    browser.fits().await;
    browser.picture("report").await;
    browser.is_clean().await;
    browser.end().await;
    stand.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_are_compared_and_everything_fits_a_telephone() {
    let stand = Stand::open();
    let browser = Browser::start(Screen::Narrow).await;
    for _ in 0..2 {
        start_quickly(&browser, &stand, "/api/query/dashboard", "3").await;
        browser
            .until("some seconds are told", "return document.querySelectorAll('#charts .trace').length >= 3")
            .await;
        browser.fits().await;
        browser.click("#stop").await;
        browser.until("it is over", "return !document.getElementById('report').hidden").await;
    }
    browser.picture("telephone").await;
    browser.open(&format!("{}/runs", stand.page)).await;
    browser
        .until("both are listed", "return document.querySelectorAll('input[name=before]').length === 2")
        .await;
    browser.fits().await;
    browser.picture("history").await;
    browser.click("form button").await;
    browser.until("they are compared", "return document.querySelectorAll('table.numbers').length > 0").await;
    assert!(browser.text("main").await.contains("p99"));
    browser.fits().await;
    browser.picture("compare").await;
    browser.execute("document.querySelector('[name=noise]').selectedIndex = 1").await;
    browser.click("form button").await;
    browser
        .until("so is the noise", "return document.querySelector('main').textContent.includes('± ')")
        .await;
    browser.fits().await;
    browser.picture("noise").await;
    browser.is_clean().await;
    browser.end().await;
    stand.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_of_a_plan_stand_at_their_lines_and_hostile_names_stay_text() {
    let stand = Stand::open();
    let browser = Browser::start(Screen::Wide).await;
    browser.open(&stand.page).await;
    let bad = "name = \"x\"\n[target]\nbase_url = \"nowhere\"\n[[scenario]]\nname = \"s\"\nload.rate = [ { at = \"5/s\", for = \"1\" } ]\n\
               [[scenario.step]]\npath = \"/\"\n";
    browser.set("#text", bad).await;
    browser.click("#check").await;
    browser
        .until("both problems are told", "return document.querySelectorAll('#problems li a').length >= 2")
        .await;
    assert!(browser.text("#problems").await.contains("line 3"));
    browser.picture("problems").await;

    let evil = "<img src=x onerror=alert(1)><script>window.evil=1</script>";
    let plan = format!(
        "name = '{evil}'\n[target]\nbase_url = \"{}\"\n[[scenario]]\nname = \"s\"\nload.rate = [ {{ at = \"50/s\", for = \"5s\" }} ]\n\
         [[scenario.step]]\nname = '{evil}'\npath = \"/random\"\nexpect = {{ status = [299] }}\n",
        stand.service.url()
    );
    browser.set("#text", &plan).await;
    browser.click("#plan button").await;
    browser.until("it is over", "return !document.getElementById('report').hidden").await;
    assert!(browser.text("#steps").await.contains(evil));
    browser.click("#report").await;
    browser
        .until("the report is drawn", "return document.querySelectorAll('#charts .trace').length >= 3")
        .await;
    assert!(browser.text("h1").await.contains(evil));
    browser
        .until(
            "nothing of it ran",
            "return window.evil === undefined && document.querySelector('img') === null",
        )
        .await;
    browser.picture("hostile").await;
    browser.is_clean().await;
    browser.end().await;
    stand.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_finds_the_run_again_when_the_controller_was_away() {
    let mut stand = Stand::open();
    let browser = Browser::start(Screen::Wide).await;
    start_quickly(&browser, &stand, "/", "2").await;
    browser.until("seconds are told", "return document.querySelectorAll('#charts .trace').length >= 3").await;
    stand.controller.signal(Signal::STOP);
    browser.execute("window.before = document.getElementById('where').textContent").await;
    stand.controller.signal(Signal::CONT);
    browser
        .until("it goes on", "return document.getElementById('where').textContent !== window.before")
        .await;
    // Killed: the page says so and tries again. Another controller goes on with the run at the same place.
    stand.controller.kill();
    browser.until("the page says so", "return !document.getElementById('trouble').hidden").await;
    let address = stand.page.strip_prefix("http://").unwrap().to_owned();
    let data = stand.data.path().to_str().unwrap();
    let args = [
        "start",
        "--resume",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--web",
        &address,
        "--data-dir",
        data,
    ];
    let mut second = Program::controller(&args);
    browser.until("the page is back", "return document.getElementById('trouble').hidden").await;
    browser.click("#stop").await;
    browser.until("it is over", "return !document.getElementById('report').hidden").await;
    browser.end().await;
    second.kill();
    stand.service.stop().unwrap();
}

const STATE_AFTER_A_FRAME: &str =
    "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(
    () => done(document.getElementById('state').textContent))))";

//! A real browser without a window, driven over two pipes by its own protocol (<https://chromedevtools.github.io/devtools-protocol/>).

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// What such browsers are called.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// One that says nothing for so long has hung.
const PATIENCE: Duration = Duration::from_mins(2);

/// A browser with one page.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    calls: u64,
    session: Option<String>,
    /// What it told by itself, since the last page was opened.
    events: Vec<Value>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// None, and a word on standard error, where there is none on this machine.
    pub fn start() -> Option<Self> {
        let Some(program) = program() else {
            eprintln!(
                "SKIPPED the report in a browser: none of {NAMES:?} is there; KINDRED_BROWSER may name one"
            );
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        // The browser reads from its third file and writes to its fourth.
        let script = "exec 3<&0 4>&1; exec \"$0\" \"$@\" </dev/null >/dev/null 2>&1";
        let mut child = Command::new("sh")
            .args(["-c", script, &program, "--headless", "--remote-debugging-pipe", "--no-first-run"])
            // Root has no sandbox; containers have little shared memory.
            .args(["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-extensions"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (told, from) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(out).split(0).map_while(Result::ok) {
                if told.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    break;
                }
            }
        });
        let (calls, session, events) = (0, None, Vec::new());
        let mut browser = Self { child, to, from, calls, session, events, _profile: profile };
        let page = browser.call("Target.createTarget", &json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", &json!({ "targetId": page, "flatten": true }));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for part in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{part}.enable"), &json!({}));
        }
        Some(browser)
    }

    /// Opens a file on a screen of so many pixels' width, and waits until it is there.
    pub fn open(&mut self, file: &Path, width: u32, scheme: &str) {
        let metrics = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", &scheme);
        self.events.clear();
        let went = self.call("Page.navigate", &json!({ "url": format!("file://{}", file.display()) }));
        assert!(went.get("errorText").is_none(), "{went}");
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.heard();
            self.events.push(event);
        }
    }

    /// What an expression is within the page.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let told = self.call("Runtime.evaluate", &asked);
        assert!(told.get("exceptionDetails").is_none(), "{expression}: {told}");
        told["result"]["value"].clone()
    }

    /// What the page's console has of it: errors, warnings, and what a policy refused.
    pub fn complaints(&self) -> Vec<&Value> {
        let told = ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"];
        self.events.iter().filter(|event| told.iter().any(|method| event["method"] == *method)).collect()
    }

    /// The addresses that were asked for.
    pub fn requests(&self) -> Vec<&str> {
        let sent = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        sent.filter_map(|event| event["params"]["request"]["url"].as_str()).collect()
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.calls += 1;
        let mut message = json!({ "id": self.calls, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let heard = self.heard();
            if heard["id"] == self.calls {
                assert!(heard.get("error").is_none(), "{method}: {heard}");
                return heard["result"].clone();
            }
            self.events.push(heard);
        }
    }

    fn heard(&self) -> Value {
        self.from.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("the browser is silent: {error}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let closed = self.to.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        if closed.is_err() || self.child.wait().is_err() {
            eprintln!("the browser had gone before it was closed");
        }
    }
}

/// A browser that starts.
fn program() -> Option<String> {
    let named = std::env::var("KINDRED_BROWSER").ok();
    let starts = |program: &String| {
        Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
    };
    named.into_iter().chain(NAMES.map(str::to_owned)).find(starts)
}

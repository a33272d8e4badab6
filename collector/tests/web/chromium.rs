//! One headless Chromium, driven over the DevTools protocol on loopback.

use std::io::{BufRead as _, BufReader, ErrorKind};
use std::process::{Child, Command, Stdio};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::PATIENCE;

/// The line by which Chromium says where it listens.
const LISTENING: &str = "DevTools listening on ";

/// A browser with one tab. It is killed when this is dropped, also by a test that fails.
pub(super) struct Chromium {
    browser: Browser,
    socket: WebSocketStream<TcpStream>,
    session: Option<String>,
    asked: u64,
    /// What the tab has reported since it was last sent somewhere.
    events: Vec<Value>,
}

struct Browser {
    child: Child,
    _profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Chromium {
    pub(super) async fn start() -> Self {
        let (browser, address) = launch();
        let address = tokio::time::timeout(PATIENCE, address).await;
        let address = address
            .expect("chromium says where it listens")
            .expect("chromium runs on; start it by hand to see why it does not");
        let host = address
            .strip_prefix("ws://")
            .and_then(|rest| rest.split('/').next())
            .unwrap();
        let stream = TcpStream::connect(host).await.unwrap();
        let (socket, _) = tokio_tungstenite::client_async(&address, stream)
            .await
            .unwrap();
        let mut chromium = Self {
            browser,
            socket,
            session: None,
            asked: 0,
            events: Vec::new(),
        };
        chromium.open_tab().await;
        chromium
    }

    async fn open_tab(&mut self) {
        let tab = self
            .ask("Target.createTarget", json!({"url": "about:blank"}))
            .await;
        let attach = json!({"targetId": tab["targetId"], "flatten": true});
        let attached = self.ask("Target.attachToTarget", attach).await;
        self.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.ask(&format!("{domain}.enable"), json!({})).await;
        }
        self.ask(
            "Emulation.setFocusEmulationEnabled",
            json!({"enabled": true}),
        )
        .await;
    }

    /// The tab is this wide from now on, and its owner prefers `scheme`.
    pub(super) async fn look(&mut self, width: u32, scheme: &str) {
        let screen = json!({
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.ask("Emulation.setDeviceMetricsOverride", screen).await;
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.ask("Emulation.setEmulatedMedia", media).await;
    }

    /// Goes to `url`, waits until it is loaded and returns all that went wrong on the way there.
    pub(super) async fn visit(&mut self, url: &str, origin: &str) -> Vec<String> {
        self.events.clear();
        let answer = self.ask("Page.navigate", json!({"url": url})).await;
        assert!(answer.get("errorText").is_none(), "{url}: {answer}");
        let loaded = async {
            while !self.events.iter().any(is_load) {
                self.hear().await;
            }
        };
        tokio::time::timeout(PATIENCE, loaded)
            .await
            .unwrap_or_else(|_| panic!("{url} did not load"));
        self.faults(origin)
    }

    /// What went wrong since the tab was sent to where it is.
    pub(super) fn faults(&self, origin: &str) -> Vec<String> {
        let faults = self.events.iter();
        faults.filter_map(|event| fault(event, origin)).collect()
    }

    /// The value of a JavaScript expression, awaited if it is a promise.
    pub(super) async fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true,
        });
        let answer = self.ask("Runtime.evaluate", asked).await;
        assert!(answer.get("exceptionDetails").is_none(), "{answer}");
        answer["result"]["value"].clone()
    }

    pub(super) async fn press_tab(&mut self) {
        for step in ["rawKeyDown", "keyUp"] {
            let key = json!({
                "type": step, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9,
            });
            self.ask("Input.dispatchKeyEvent", key).await;
        }
    }

    /// What the tab shows, as a PNG in base 64.
    pub(super) async fn picture(&mut self) -> String {
        let answer = self
            .ask("Page.captureScreenshot", json!({"format": "png"}))
            .await;
        answer["data"].as_str().unwrap().to_owned()
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let text = Message::text(message.to_string());
        self.socket.send(text).await.unwrap();
        let answered = async {
            loop {
                if let Some(answer) = self.hear().await.filter(|answer| answer["id"] == id) {
                    return answer;
                }
            }
        };
        let answer = tokio::time::timeout(PATIENCE, answered).await;
        let mut answer = answer.unwrap_or_else(|_| panic!("{method} is not answered: {params}"));
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// Reads one message: an answer is returned, an event is kept.
    async fn hear(&mut self) -> Option<Value> {
        let message = self.socket.next().await;
        let message = message.expect("chromium is still there").unwrap();
        let Message::Text(text) = message else {
            return None;
        };
        let message: Value = serde_json::from_str(&text).unwrap();
        if message.get("id").is_some() {
            return Some(message);
        }
        self.events.push(message);
        None
    }

    /// The process, for who wants to know that it is gone.
    pub(super) fn id(&self) -> u32 {
        self.browser.child.id()
    }
}

fn launch() -> (Browser, oneshot::Receiver<String>) {
    let profile = tempfile::tempdir().unwrap();
    let started = Command::new("chromium")
        // Root has no sandbox; only pages of this test are opened.
        .args(["--headless", "--no-sandbox", "--disable-gpu"])
        .args(["--disable-dev-shm-usage", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-sync"])
        .args(["--disable-component-update", "--hide-scrollbars"])
        .arg("--remote-debugging-port=0")
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg("about:blank")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => panic!(
            "this test looks at the pages in a real browser: install the package `chromium` \
             (apt-get install chromium fonts-noto-cjk)"
        ),
        Err(error) => panic!("chromium does not start: {error}"),
    };
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (said, address) = oneshot::channel();
    // Reads on to the end, so that a browser that complains much is never held up.
    std::thread::spawn(move || {
        let mut said = Some(said);
        for line in stderr.lines().map_while(Result::ok) {
            if let Some(address) = line.strip_prefix(LISTENING)
                && let Some(said) = said.take()
            {
                let _ = said.send(address.to_owned());
            }
        }
    });
    let browser = Browser {
        child,
        _profile: profile,
    };
    (browser, address)
}

fn is_load(event: &Value) -> bool {
    event["method"] == "Page.loadEventFired"
}

/// What is wrong if this was reported. A request that the next visit cut off is no fault.
fn fault(event: &Value, origin: &str) -> Option<String> {
    let params = &event["params"];
    let wrong = match event["method"].as_str()? {
        "Runtime.exceptionThrown" => true,
        "Runtime.consoleAPICalled" => params["type"] == "error" || params["type"] == "warning",
        "Log.entryAdded" => params["entry"]["level"] == "error",
        "Network.loadingFailed" => params["canceled"] != true,
        "Network.responseReceived" => params["response"]["status"] != 200,
        "Network.requestWillBeSent" => {
            let url = params["request"]["url"].as_str()?;
            !url.starts_with(origin) && !url.starts_with("data:")
        }
        _ => false,
    };
    wrong.then(|| event.to_string())
}

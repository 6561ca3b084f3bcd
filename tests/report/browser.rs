//! A browser that runs a page as it would for a reader, driven through the protocol of its developer tools.
//!
//! In: the path of a page. Out: a [`Page`] that takes keys and clicks, and says what it shows. The browser gets a profile of
//! its own. [`Page::leave`] fails if the page reported an error or asked for anything but itself.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

/// How long anything may take before it counts as never.
const PATIENCE: Duration = Duration::from_secs(120);

/// The names under which Chromium is installed.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The browser of this machine. Without one a test says so and skips; in CI that is a failure.
fn installed() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|path| path.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "there is no Chromium");
        println!("skipped: there is no Chromium");
    }
    found
}

/// A page in a browser of its own, which ends with it.
pub(crate) struct Page {
    browser: Child,
    _profile: TempDir,
    socket: WebSocket<TcpStream>,
    session: String,
    commands: u64,
    address: String,
    /// What the page reported, and what it asked for.
    reported: Vec<String>,
    asked: Vec<String>,
    is_loaded: bool,
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}

impl Page {
    /// Opens a file; `hash` is what follows `#` in the address. `None` where there is no browser.
    pub(crate) fn open(file: &Path, hash: &str) -> Option<Page> {
        let program = installed()?;
        let profile = tempfile::tempdir().expect("a folder");
        let browser = Command::new(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--disable-dev-shm-usage", "--remote-debugging-port=0", "--window-size=1280,860"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a browser");
        let (port, path) = endpoint(profile.path());
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let (socket, _) =
            tungstenite::client(format!("ws://127.0.0.1:{port}{path}"), stream).expect("the developer tools");
        let address = format!("file://{}", file.display());
        let mut page = Page {
            browser,
            _profile: profile,
            socket,
            session: String::new(),
            commands: 0,
            address: address.clone(),
            reported: Vec::new(),
            asked: Vec::new(),
            is_loaded: false,
        };
        let target = page.command("Target.createTarget", json!({ "url": "about:blank" }));
        let attached =
            page.command("Target.attachToTarget", json!({ "targetId": target["targetId"], "flatten": true }));
        page.session = attached["sessionId"].as_str().expect("a session").to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.command(&format!("{domain}.enable"), json!({}));
        }
        page.go(&format!("{address}#{hash}"));
        Some(page)
    }

    fn go(&mut self, address: &str) {
        self.is_loaded = false;
        self.command("Page.navigate", json!({ "url": address }));
        while !self.is_loaded {
            self.receive();
        }
        assert_eq!(self.value("document.documentElement.dataset.ready"), "", "the script came to its end");
    }

    /// Sends a command and waits for its answer; events that come meanwhile are noted.
    pub(crate) fn command(&mut self, method: &str, parameters: Value) -> Value {
        self.commands += 1;
        let id = self.commands;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.socket.send(Message::text(message.to_string())).expect("a command");
        loop {
            let answer = self.receive();
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    fn receive(&mut self) -> Value {
        let message = self.socket.read().expect("a message of the browser");
        let message: Value = serde_json::from_str(message.to_text().expect("text")).unwrap_or_default();
        let details = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "Page.loadEventFired" => self.is_loaded = true,
            "Runtime.exceptionThrown" | "Log.entryAdded" => self.reported.push(details.to_string()),
            "Runtime.consoleAPICalled" if details["type"] == "error" || details["type"] == "warning" => {
                self.reported.push(details.to_string());
            }
            "Network.requestWillBeSent" => {
                self.asked.push(details["request"]["url"].as_str().unwrap_or_default().to_owned());
            }
            _ => {}
        }
        message
    }

    /// The value of an expression in the page, once its promise is kept if it is one.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let result = self.command("Runtime.evaluate", parameters);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// A number; see [`Page::value`].
    pub(crate) fn number(&mut self, expression: &str) -> f64 {
        let value = self.value(expression);
        value.as_f64().unwrap_or_else(|| panic!("{expression} is {value}"))
    }

    /// A text; see [`Page::value`].
    pub(crate) fn text(&mut self, expression: &str) -> String {
        let value = self.value(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression} is {value}")).to_owned()
    }

    /// How many elements there are of a selector.
    pub(crate) fn count(&mut self, selector: &str) -> usize {
        self.number(&format!("document.querySelectorAll({}).length", json!(selector))) as usize
    }

    /// Presses and lets go of a key, by its name in the DOM: `Enter`, `ArrowRight`, `a`.
    pub(crate) fn press(&mut self, key: &str) {
        let code = match key {
            "Enter" => 13,
            "Escape" => 27,
            "Home" => 36,
            "End" => 35,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            _ => 0,
        };
        let text = if key.chars().count() == 1 { key } else { "" };
        let mut down = json!({ "type": "keyDown", "key": key, "windowsVirtualKeyCode": code });
        match (text, key) {
            ("", "Enter") => down["text"] = json!("\r"),
            ("", _) => down["type"] = json!("rawKeyDown"),
            _ => down["text"] = json!(text),
        }
        self.command("Input.dispatchKeyEvent", down);
        self.command("Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code }));
    }

    /// Types a text into what has the focus.
    pub(crate) fn write(&mut self, text: &str) {
        for character in text.chars() {
            self.press(&character.to_string());
        }
    }

    /// The middle of the part that is seen of the first element of a selector.
    fn middle(&mut self, selector: &str) -> (f64, f64) {
        let selector = json!(selector);
        let place = self.value(&format!(
            "(() => {{ const element = document.querySelector({selector}); if (!element) return null; \
             element.scrollIntoView({{ block: 'nearest' }}); const box = element.getBoundingClientRect(); \
             return [box.left + box.width / 2, box.top + Math.min(box.height / 2, 12)]; }})()"
        ));
        let number = |at: usize| place[at].as_f64().unwrap_or_else(|| panic!("{selector} is not there"));
        (number(0), number(1))
    }

    /// Clicks the first element of a selector.
    pub(crate) fn click(&mut self, selector: &str) {
        let (x, y) = self.middle(selector);
        for event in ["mousePressed", "mouseReleased"] {
            self.mouse(event, x, y);
        }
    }

    /// Moves the mouse with its button down, from the middle of an element.
    pub(crate) fn drag(&mut self, selector: &str, by: (f64, f64)) {
        let (x, y) = self.middle(selector);
        self.mouse("mousePressed", x, y);
        for part in [0.25, 0.5, 0.75, 1.0] {
            self.mouse("mouseMoved", x + part * by.0, y + part * by.1);
        }
        self.mouse("mouseReleased", x + by.0, y + by.1);
    }

    fn mouse(&mut self, event: &str, x: f64, y: f64) {
        let buttons = i32::from(event != "mouseReleased");
        let parameters =
            json!({ "type": event, "x": x, "y": y, "button": "left", "buttons": buttons, "clickCount": 1 });
        self.command("Input.dispatchMouseEvent", parameters);
    }

    /// Turns the wheel over the middle of an element.
    pub(crate) fn wheel(&mut self, selector: &str, by: f64) {
        let (x, y) = self.middle(selector);
        let parameters = json!({ "type": "mouseWheel", "x": x, "y": y, "deltaX": 0, "deltaY": by });
        self.command("Input.dispatchMouseEvent", parameters);
    }

    /// Ends the visit: nothing may have been reported, and nothing asked for but the page.
    pub(crate) fn leave(mut self) {
        // What happened before is told before this is answered.
        self.value("new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))");
        assert!(self.reported.is_empty(), "{:#?}", self.reported);
        let address = self.address.clone();
        let others: Vec<&String> = self.asked.iter().filter(|asked| !asked.starts_with(&address)).collect();
        assert!(others.is_empty(), "the page asked for {others:?}");
        assert!(!self.asked.is_empty(), "requests are seen at all");
    }
}

/// The port and the path of the developer tools, which a browser writes into its profile when it is ready.
fn endpoint(profile: &Path) -> (u16, String) {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        let text = std::fs::read_to_string(profile.join("DevToolsActivePort")).unwrap_or_default();
        if let Some((port, path)) = text.split_once('\n')
            && let Ok(port) = port.parse()
            && path.starts_with('/')
        {
            return (port, path.trim().to_owned());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the browser never got ready");
}

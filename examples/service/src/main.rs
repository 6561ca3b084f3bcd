//! A web service that reads handwritten digits: many connections, one set of weights.
//!
//! `cargo run --release -p service` listens on port 3000; `curl --data-binary @three.png localhost:3000/classify` asks it.

mod classifier;

use std::error::Error;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use classifier::{Class, Classifier};
use tokio::net::TcpListener;

/// How many bytes a picture may have.
const MAXIMUM_BYTES: usize = 10_000_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let weights = arguments.next().unwrap_or_else(|| "examples/digits/digits-e4.safetensors".to_owned());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let sessions = std::thread::available_parallelism()?;
    let classifier = Arc::new(Classifier::load(&weights, sessions)?);
    let listener = TcpListener::bind(&address).await.map_err(|error| format!("{address}: {error}"))?;
    println!("listening on http://{}, {sessions} at once", listener.local_addr()?);
    axum::serve(listener, router(classifier)).with_graceful_shutdown(interrupted()).await?;
    Ok(())
}

fn router(classifier: Arc<Classifier>) -> Router {
    Router::new()
        .route("/", get("POST a picture to /classify\n"))
        .route("/classify", post(classify))
        .layer(DefaultBodyLimit::max(MAXIMUM_BYTES))
        .with_state(classifier)
}

/// The classes of an uploaded picture, the likeliest first.
async fn classify(State(classifier): State<Arc<Classifier>>, picture: Bytes) -> Result<Json<Vec<Class>>, Refused> {
    // Decoding and computing take a processor, not time to wait: they would hold up other connections.
    let work = move || classifier.classify(&picture);
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(classes)) => Ok(Json(classes)),
        Ok(Err(error)) => Err(Refused(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())),
        Err(error) => Err(Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    }
}

/// Why there are no classes.
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Refused(status, reason) = self;
        (status, Json([("error", reason)].into_iter().collect::<std::collections::BTreeMap<_, _>>())).into_response()
    }
}

/// Waits for Ctrl-C; connections that are open are served to the end.
async fn interrupted() {
    // Without a way to be interrupted, the service runs until it is killed.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

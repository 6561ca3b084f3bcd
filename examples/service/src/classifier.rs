//! A network that many threads use: its weights are there once, each thread takes a session out of a pool.

use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, PoisonError};

use parameternet::{Shaped, WeightFile, parameternet};
use parameternet_data::{DataError, Preprocess, Settings, classes, decode_input, settings};
use serde::Serialize;

parameternet! { mod digits = "../digits/digits.pnet" }

/// A class and how sure the network is, from 0 to 1.
#[derive(Debug, Serialize)]
pub struct Class {
    class: String,
    share: f64,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Classifier {
    preprocess: Preprocess,
    names: Vec<String>,
    /// Sessions that nobody uses. Each has an arena of its own and shares the weights.
    idle: Mutex<Vec<digits::Digits>>,
    returned: Condvar,
}

impl Classifier {
    /// Loads weights, for so many pictures at once.
    ///
    /// # Errors
    /// When the file cannot be read or does not fit the network, or memory runs out.
    pub fn load(weights: &str, sessions: NonZeroUsize) -> Result<Classifier, Box<dyn std::error::Error>> {
        let file = WeightFile::open(weights)?;
        let weights = digits::Weights::bind(&file)?;
        let idle = (0..sessions.get()).map(|_| digits::Digits::new(&weights)).collect::<Result<_, _>>()?;
        Ok(Classifier {
            preprocess: Settings::default().with_weights(&file)?,
            names: settings::labels(&file).unwrap_or_default(),
            idle: Mutex::new(idle),
            returned: Condvar::new(),
        })
    }

    /// The three likeliest classes of a picture (PNG, JPEG, BMP or WebP). Waits while all sessions are in use.
    ///
    /// # Errors
    /// When the bytes are no picture or one of another size.
    pub fn classify(&self, picture: &[u8]) -> Result<Vec<Class>, DataError> {
        // Before a session is taken: decoding needs none.
        let pixels = decode_input(picture, &[1, 1, 8, 8], &self.preprocess)?;
        let mut session = self.take();
        let scores = Shaped::view(&pixels).map(|pixels| session.run(pixels).map(|[scores]| *scores));
        self.give_back(session);
        // Both lengths are in the types.
        let Some(Ok(scores)) = scores else { return Ok(Vec::new()) };
        let named = |(class, share): (usize, f64)| Class {
            class: self.names.get(class).cloned().unwrap_or_else(|| class.to_string()),
            share,
        };
        Ok(classes::likeliest(&scores, 3).into_iter().map(named).collect())
    }

    fn take(&self) -> digits::Digits {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match idle.pop() {
                Some(session) => return session,
                None => idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn give_back(&self, session: digits::Digits) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        self.returned.notify_one();
    }
}

//! What stands where in ONNX files, before a byte of the weights is read.
//!
//! In: a [`Model`]. Out: [`Content`]s, which say of each stretch of a file what it is: bytes, or the elements of a weight. Whoever
//! writes the file asks for one weight after the other, so that a network of any size passes through the memory of one tensor.
//!
//! Invariants: a `Content` without weights beside it is one message of Protocol Buffers, below the limit of these; in a file
//! of weights, each begins at a page.

use parameternet_runtime::ReadError;
use parameternet_runtime::prepare::TensorSource;
use prost::Message;

use super::export::{Model, WeightTensor};
use super::proto::{DataLocation, StringStringEntryProto};
use crate::graph::WeightId;

/// The most bytes that a message of Protocol Buffers may have, and with it an ONNX file: 2 GiB less one.
pub const MAX_MESSAGE: u64 = i32::MAX as u64;

/// Weights in a file of their own begin at multiples of so many bytes, which is what mapping files into memory needs. Smaller
/// ones stay in the model.
pub const PAGE: u64 = 4096;

/// A stretch of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Zeros, so many.
    Zeros(u64),
    /// The elements of a weight, each an f32, little-endian.
    Weight {
        /// Which one.
        id: WeightId,
        /// How many elements it has.
        elements: usize,
    },
}

impl Piece {
    fn size(&self) -> u64 {
        match self {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::Zeros(count) => *count,
            Piece::Weight { elements, .. } => *elements as u64 * 4,
        }
    }
}

/// The content of a file from its beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    pieces: Vec<Piece>,
    size: u64,
}

/// Why a model does not fit in one message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the model would have {size} bytes, and a file of ONNX holds at most {MAX_MESSAGE}")]
pub struct TooLarge {
    /// How many bytes it would have.
    pub size: u64,
}

/// Why a file could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError<E> {
    /// The source of weights has no such tensor, or one of another size.
    #[error("the source of weights has no tensor {0} of {1} elements")]
    Tensor(usize, usize),
    /// The source of weights cannot read a tensor.
    #[error(transparent)]
    Read(ReadError),
    /// Whoever took the bytes refused.
    #[error("{0}")]
    Sink(E),
}

impl Content {
    /// How many bytes the file has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The stretches, in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Gives the bytes of the file to `sink`, from the first to the last. Tensors are numbered as weights of the graph are.
    ///
    /// # Errors
    /// When a tensor is missing or cannot be read, or `sink` fails.
    pub fn stream<E>(
        &self,
        tensors: &dyn TensorSource,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), StreamError<E>> {
        let mut tensor = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Bytes(bytes) => sink(bytes).map_err(StreamError::Sink)?,
                Piece::Zeros(count) => {
                    let zeros = vec![0; usize::try_from(*count).unwrap_or(usize::MAX)];
                    sink(&zeros).map_err(StreamError::Sink)?;
                }
                Piece::Weight { id, elements } => {
                    tensor.clear();
                    let is_there = tensors.append(id.index(), &mut tensor).map_err(StreamError::Read)?;
                    if !is_there || tensor.len() != *elements {
                        return Err(StreamError::Tensor(id.index(), *elements));
                    }
                    for part in tensor.chunks(ELEMENTS_AT_ONCE) {
                        let bytes: Vec<u8> = part.iter().flat_map(|value| value.to_le_bytes()).collect();
                        sink(&bytes).map_err(StreamError::Sink)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, piece: Piece) {
        self.size += piece.size();
        match (piece, self.pieces.last_mut()) {
            (Piece::Bytes(bytes), Some(Piece::Bytes(last))) => last.extend(bytes),
            (piece, _) => self.pieces.push(piece),
        }
    }
}

/// How many elements are turned into bytes in one go.
const ELEMENTS_AT_ONCE: usize = 1 << 16;

/// The file of a model with its weights in it.
///
/// # Errors
/// When it is larger than ONNX files may be.
pub fn embedded(model: &Model) -> Result<Content, TooLarge> {
    within_limit(content(model, &model.weights))
}

/// The file of a model, and the one with its larger weights, which lies beside it under the name `location`.
///
/// # Errors
/// When even so the model is larger than ONNX files may be.
pub fn external(model: &Model, location: &str) -> Result<[Content; 2], TooLarge> {
    let mut data = Content::default();
    let (mut outside, mut inside) = (model.clone(), Vec::new());
    let graph = outside.proto.graph.get_or_insert_default();
    for weight in &model.weights {
        let length = weight.elements as u64 * 4;
        if length < PAGE {
            inside.push(weight.clone());
            continue;
        }
        data.push(Piece::Zeros(data.size.next_multiple_of(PAGE) - data.size));
        let entry = |key: &str, value: String| StringStringEntryProto { key: key.to_owned(), value };
        let mut tensor = weight.header.clone();
        tensor.data_location = Some(DataLocation::External.into());
        tensor.external_data = vec![
            entry("location", location.to_owned()),
            entry("offset", data.size.to_string()),
            entry("length", length.to_string()),
        ];
        graph.initializer.push(tensor);
        data.push(Piece::Weight { id: weight.id, elements: weight.elements });
    }
    Ok([within_limit(content(&outside, &inside))?, data])
}

fn within_limit(content: Content) -> Result<Content, TooLarge> {
    if content.size > MAX_MESSAGE { Err(TooLarge { size: content.size }) } else { Ok(content) }
}

/// The number of the field `graph` of `ModelProto`.
const GRAPH: u32 = 7;
/// The number of the field `initializer` of `GraphProto`.
const INITIALIZER: u32 = 5;
/// The number of the field `raw_data` of `TensorProto`.
const RAW_DATA: u32 = 9;

/// The message of a model, with `weights` as the last initializers of its graph. The order of fields in a message is free, so
/// each message is the fields that are known, and then those that hold weights.
fn content(model: &Model, weights: &[WeightTensor]) -> Content {
    let mut outer = model.proto.clone();
    let graph = outer.graph.take().unwrap_or_default().encode_to_vec();
    let length = |weight: &WeightTensor| {
        let data = weight.elements as u64 * 4;
        weight.header.encoded_len() as u64 + prefix(RAW_DATA, data).len() as u64 + data
    };
    let of_weights: u64 = weights
        .iter()
        .map(|weight| {
            let length = length(weight);
            prefix(INITIALIZER, length).len() as u64 + length
        })
        .sum();
    let mut content = Content::default();
    content.push(Piece::Bytes(outer.encode_to_vec()));
    content.push(Piece::Bytes(prefix(GRAPH, graph.len() as u64 + of_weights)));
    content.push(Piece::Bytes(graph));
    for weight in weights {
        content.push(Piece::Bytes(prefix(INITIALIZER, length(weight))));
        content.push(Piece::Bytes(weight.header.encode_to_vec()));
        content.push(Piece::Bytes(prefix(RAW_DATA, weight.elements as u64 * 4)));
        content.push(Piece::Weight { id: weight.id, elements: weight.elements });
    }
    content
}

/// What stands before a field of so many bytes: its key and its length.
fn prefix(field: u32, length: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_key(field, prost::encoding::WireType::LengthDelimited, &mut bytes);
    prost::encoding::encode_varint(length, &mut bytes);
    bytes
}

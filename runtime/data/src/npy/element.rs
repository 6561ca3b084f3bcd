//! The element types of `.npy` files, and how each becomes an `f32`.

/// The supported element types, for messages.
pub(in super::super) const SUPPORTED_DTYPES: &str =
    "floats of 2, 4 and 8 bytes, integers of 1, 2, 4 and 8 bytes, and bool";

/// A numeric element type with its byte order.
#[derive(Clone, Copy)]
pub(super) struct Element {
    number: Number,
    big_endian: bool,
}

/// A numeric type.
#[derive(Clone, Copy)]
enum Number {
    F16,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
}

impl Element {
    /// The element type that NumPy writes as, say, `<f4`; nothing where it is no number.
    pub(super) fn from_dtype(dtype: &str) -> Option<Element> {
        let mut characters = dtype.chars();
        let order = characters.next()?;
        let number = match characters.as_str() {
            "f2" => Number::F16,
            "f4" => Number::F32,
            "f8" => Number::F64,
            "i1" => Number::I8,
            "i2" => Number::I16,
            "i4" => Number::I32,
            "i8" => Number::I64,
            "u1" | "b1" => Number::U8,
            "u2" => Number::U16,
            "u4" => Number::U32,
            "u8" => Number::U64,
            _ => return None,
        };
        let big_endian = match order {
            '<' => false,
            '>' => true,
            '=' => cfg!(target_endian = "big"),
            '|' if number.bytes() == 1 => false,
            _ => return None,
        };
        Some(Element { number, big_endian })
    }

    /// Bytes of one element.
    pub(super) fn bytes(self) -> usize {
        self.number.bytes()
    }

    /// The elements as the nearest `f32`s. Bytes that are no whole element are left over.
    pub(super) fn decode(self, payload: &[u8]) -> Vec<f32> {
        let big_endian = self.big_endian;
        match self.number {
            Number::F16 => each(payload, big_endian, |b| half::f16::from_le_bytes(b).to_f32()),
            Number::F32 => each(payload, big_endian, f32::from_le_bytes),
            Number::F64 => each(payload, big_endian, |b| f64::from_le_bytes(b) as f32),
            Number::I8 => each(payload, big_endian, |b| f32::from(i8::from_le_bytes(b))),
            Number::I16 => each(payload, big_endian, |b| f32::from(i16::from_le_bytes(b))),
            Number::I32 => each(payload, big_endian, |b| i32::from_le_bytes(b) as f32),
            Number::I64 => each(payload, big_endian, |b| i64::from_le_bytes(b) as f32),
            Number::U8 => each(payload, big_endian, |b| f32::from(u8::from_le_bytes(b))),
            Number::U16 => each(payload, big_endian, |b| f32::from(u16::from_le_bytes(b))),
            Number::U32 => each(payload, big_endian, |b| u32::from_le_bytes(b) as f32),
            Number::U64 => each(payload, big_endian, |b| u64::from_le_bytes(b) as f32),
        }
    }
}

impl Number {
    /// Bytes of one number.
    fn bytes(self) -> usize {
        match self {
            Number::I8 | Number::U8 => 1,
            Number::F16 | Number::I16 | Number::U16 => 2,
            Number::F32 | Number::I32 | Number::U32 => 4,
            Number::F64 | Number::I64 | Number::U64 => 8,
        }
    }
}

/// Converts every element of `N` bytes, which are handed over in little-endian order.
fn each<const N: usize>(payload: &[u8], big_endian: bool, convert: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (elements, _) = payload.as_chunks::<N>();
    let in_order = elements.iter().map(|element| {
        let mut element = *element;
        if big_endian {
            element.reverse();
        }
        element
    });
    in_order.map(convert).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_in_both_orders() {
        let cases: [(&str, Vec<u8>, f32); 11] = [
            ("f2", 0xc100_u16.to_le_bytes().to_vec(), -2.5),
            ("f4", (-2.5_f32).to_le_bytes().to_vec(), -2.5),
            ("f8", 0.1_f64.to_le_bytes().to_vec(), 0.1),
            ("i1", (-3_i8).to_le_bytes().to_vec(), -3.0),
            ("i2", (-300_i16).to_le_bytes().to_vec(), -300.0),
            ("i4", (-70_000_i32).to_le_bytes().to_vec(), -70_000.0),
            ("i8", (-1_i64 << 40).to_le_bytes().to_vec(), -1_099_511_627_776.0),
            ("u1", vec![200], 200.0),
            ("u2", 60_000_u16.to_le_bytes().to_vec(), 60_000.0),
            ("u4", 3_000_000_000_u32.to_le_bytes().to_vec(), 3e9),
            ("b1", vec![1], 1.0),
        ];
        for (name, mut bytes, value) in cases {
            let little = Element::from_dtype(&format!("<{name}")).unwrap();
            assert_eq!(little.bytes(), bytes.len());
            assert_eq!(little.decode(&bytes), [value], "<{name}");
            bytes.reverse();
            let big = Element::from_dtype(&format!(">{name}")).unwrap();
            assert_eq!(big.decode(&bytes), [value], ">{name}");
        }
    }

    #[test]
    fn other_types_are_none() {
        for dtype in ["", "<", "f4", "<f", "<f16", "<c8", "|f4", "|O", "<U3", "é"] {
            assert!(Element::from_dtype(dtype).is_none(), "{dtype}");
        }
    }
}

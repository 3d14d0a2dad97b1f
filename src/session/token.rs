//! What marks are known by.

use std::fmt::{self, Display, Formatter};

use uuid::Uuid;

/// The length of a token's text, in bytes: a shell reads its lines byte by byte, so it's as short
/// as 128 bits can be.
pub const LENGTH: usize = 22;

const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.";

/// A number that nobody can guess. Its text is letters, digits, `_` and `.`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token(u128);

impl Token {
    /// Never seen before: a random UUID.
    pub fn fresh() -> Self {
        Self(Uuid::new_v4().as_u128())
    }

    /// One that is known.
    pub const fn of(number: u128) -> Self {
        Self(number)
    }

    /// Its text.
    pub fn text(self) -> [u8; LENGTH] {
        std::array::from_fn(|i| DIGITS[(self.0 >> (6 * (LENGTH - 1 - i))) as usize % 64])
    }
}

impl Display for Token {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let text = self.text();
        formatter.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_has_a_text_of_its_own() {
        assert_eq!(Token::of(0).to_string(), "0".repeat(LENGTH));
        assert_eq!(
            Token::of(u128::MAX).to_string(),
            format!("3{}", ".".repeat(LENGTH - 1))
        );
        for bit in 0..128 {
            assert_eq!(number(&Token::of(1 << bit).to_string()), 1 << bit);
        }
    }

    fn number(text: &str) -> u128 {
        let digit = |byte| DIGITS.iter().position(|&digit| digit == byte).unwrap() as u128;
        text.bytes()
            .fold(0, |number, byte| number * 64 + digit(byte))
    }
}

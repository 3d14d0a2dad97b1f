//! What a stream of marks and data says, found naively: the whole of it at once.

use bytes::Bytes;
use docker_exec_napi::session::sentinel::{BEGIN, Event, MAX_PAYLOAD, Scanner};
use docker_exec_napi::session::token::Token;

/// Two expected tokens that differ in their last character only.
pub const TOKEN: Token = Token::of(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
pub const NONCE: Token = Token::of(0x0123_4567_89ab_cdef_0123_4567_89ab_cde0);
pub const OTHER: Token = Token::of(0x0123_4567_89ab_cdef_0123_4567_89ac_cdef);
pub const BOTH: &[Token] = &[TOKEN, NONCE];

/// What the scanner's documentation allows it to hold back.
pub const HELD: usize = BEGIN + 1 + MAX_PAYLOAD;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Data(Vec<u8>),
    Mark(Token, String),
}

/// Adds data to what was said, so that its pieces don't matter.
pub fn add(said: &mut Vec<Said>, bytes: &[u8]) {
    match said.last_mut() {
        _ if bytes.is_empty() => {}
        Some(Said::Data(data)) => data.extend_from_slice(bytes),
        _ => said.push(Said::Data(bytes.to_vec())),
    }
}

pub fn oracle(stream: &[u8], tokens: &[Token]) -> Vec<Said> {
    let mut said = Vec::new();
    let mut at = 0;
    while at < stream.len() {
        match mark_at(&stream[at..], tokens) {
            Some((token, payload)) => {
                at += stream[at..].iter().position(|b| *b == 0x1f).unwrap() + 1;
                said.push(Said::Mark(token, payload));
            }
            None => {
                add(&mut said, &stream[at..=at]);
                at += 1;
            }
        }
    }
    said
}

/// The mark that `text` begins with; it ends at the first US.
fn mark_at(text: &[u8], tokens: &[Token]) -> Option<(Token, String)> {
    let end = text.iter().position(|b| *b == 0x1f)?;
    for token in tokens {
        let begin = format!("\x1e{token}");
        let Some(rest) = text[..end].strip_prefix(begin.as_bytes()) else {
            continue;
        };
        if rest.is_empty() {
            return Some((*token, String::new()));
        }
        let payload = rest.strip_prefix(b" ")?;
        let printable = payload.iter().all(|b| (0x20..=0x7e).contains(b));
        if printable && payload.len() <= MAX_PAYLOAD {
            return Some((*token, String::from_utf8(payload.to_vec()).unwrap()));
        }
    }
    None
}

pub fn scanner(tokens: &[Token]) -> Scanner {
    let mut scanner = Scanner::default();
    scanner.expect(tokens.iter().copied());
    scanner
}

pub fn feed(scanner: &mut Scanner, chunk: &[u8], said: &mut Vec<Said>) {
    scanner.feed(Bytes::copy_from_slice(chunk), |event| match event {
        Event::Data(bytes) => {
            assert!(!bytes.is_empty(), "data without a byte");
            add(said, &bytes);
        }
        Event::Mark(token, payload) => said.push(Said::Mark(token, payload)),
    });
}

pub fn scan<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, tokens: &[Token]) -> Vec<Said> {
    let (mut scanner, mut said) = (scanner(tokens), Vec::new());
    for chunk in chunks {
        feed(&mut scanner, chunk, &mut said);
    }
    add(&mut said, &scanner.finish());
    said
}

/// What is held back at the end of `stream`: bounded, and the beginning of a mark.
pub fn held(stream: &[u8], tokens: &[Token]) -> Vec<u8> {
    let mut scanner = scanner(tokens);
    feed(&mut scanner, stream, &mut Vec::new());
    let held = scanner.finish();
    assert!(held.len() <= HELD, "{} bytes held back", held.len());
    let becomes_a_mark = tokens.iter().any(|token| {
        let mark = format!("\x1e{token}\x1f");
        let rest = mark.as_bytes().strip_prefix(&held[..]).unwrap_or(b"\x1f");
        matches!(
            oracle(&[&held, rest].concat(), tokens)[..],
            [Said::Mark(..)]
        )
    });
    assert!(held.is_empty() || becomes_a_mark, "held back: {held:?}");
    held.to_vec()
}

pub fn mark(token: Token, payload: &str) -> Vec<u8> {
    format!("\x1e{token} {payload}\x1f").into()
}

pub fn streams() -> Vec<(&'static str, Vec<u8>)> {
    let bare = |token: Token| format!("\x1e{token}\x1f").into_bytes();
    let text = |text: String| text.into_bytes();
    let longest = "p".repeat(MAX_PAYLOAD);
    vec![
        ("nothing", vec![]),
        ("no mark", b"total 4\n\x1f".to_vec()),
        (
            "back to back",
            [mark(TOKEN, "0 himBHs"), bare(NONCE), mark(TOKEN, "1")].concat(),
        ),
        (
            "behind two RS",
            [b"x\x1e\x1e", &mark(TOKEN, "0")[..], b"y"].concat(),
        ),
        (
            "half at the end",
            [mark(TOKEN, "0"), mark(NONCE, "0")[..16].to_vec()].concat(),
        ),
        ("no US at the end", text(format!("a\x1e{TOKEN} 0 himBHs"))),
        (
            "another token",
            [mark(OTHER, "0"), mark(Token::of(0), "0")].concat(),
        ),
        ("upper case", mark(TOKEN, "0").to_ascii_uppercase()),
        ("longest payload", mark(TOKEN, &longest)),
        (
            "too long a payload",
            text(format!("\x1e{TOKEN} {longest}p\x1f\x1f")),
        ),
        (
            "control in a payload",
            text(format!("\x1e{TOKEN} 0\n\x1f\x1e{TOKEN}\t0\x1f")),
        ),
        (
            "beyond printable",
            [b"\x1e", TOKEN.to_string().as_bytes(), b" \x7f\x1f \xff\x1f"].concat(),
        ),
        (
            "without a payload",
            [bare(TOKEN), b"data".to_vec(), bare(NONCE)].concat(),
        ),
        (
            "an empty payload",
            [mark(TOKEN, ""), mark(NONCE, " ")].concat(),
        ),
        (
            "no space",
            text(format!("\x1e{TOKEN}0\x1f\x1e{TOKEN}\x1e\x1f")),
        ),
        (
            "begun twice",
            [&mark(TOKEN, "0")[..16], &mark(TOKEN, "0")].concat(),
        ),
        (
            "begun in a payload",
            [&text(format!("\x1e{TOKEN} 0")), &mark(NONCE, "1")[..]].concat(),
        ),
        (
            "no text",
            [
                b"\0\xff\xc3",
                &mark(TOKEN, "0")[..],
                b"\xe2\x82\0\x1e\xff\x80",
            ]
            .concat(),
        ),
        (
            "a flood of RS",
            [vec![0x1e; 80], mark(TOKEN, "0"), vec![0x1e; 80]].concat(),
        ),
        ("without its RS", mark(TOKEN, "0")[1..].to_vec()),
    ]
}

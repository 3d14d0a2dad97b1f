//! The scanner against a naive oracle that sees the whole stream at once: what the scanner
//! says doesn't depend on how the stream was cut, and it holds back no more than a mark.

use bytes::Bytes;
use docker_exec_napi::session::sentinel::MAX_PAYLOAD;

#[path = "../common/counting.rs"]
mod counting;
mod oracle;
mod property;

use oracle::{
    BOTH, HELD, NONCE, OTHER, Said, TOKEN, feed, held, mark, oracle, scan, scanner, streams,
};

#[test]
fn the_hand_made_streams_hold_the_marks_they_should() {
    let marks = |name: &str| {
        let (_, stream) = streams().into_iter().find(|(n, _)| *n == name).unwrap();
        let said = scan([&stream[..]], BOTH).into_iter();
        said.filter(|said| matches!(said, Said::Mark(..))).count()
    };
    let counted = streams()
        .iter()
        .map(|(name, _)| marks(name))
        .collect::<Vec<_>>();
    let expected = [0, 0, 3, 1, 1, 0, 0, 0, 1, 0, 0, 0, 2, 2, 0, 1, 1, 1, 1, 0];
    assert_eq!(counted, expected);
}

#[test]
fn no_cut_and_no_two_cuts_change_what_is_said() {
    for (name, stream) in streams() {
        let expected = oracle(&stream, BOTH);
        for i in 0..=stream.len() {
            for j in i..=stream.len() {
                let said = scan([&stream[..i], &stream[i..j], &stream[j..]], BOTH);
                assert_eq!(said, expected, "{name}, cut at {i} and {j}");
            }
        }
        assert_eq!(
            scan(stream.chunks(1), BOTH),
            expected,
            "{name}, byte by byte"
        );
    }
}

#[test]
fn what_is_held_back_is_bounded_and_begins_a_mark() {
    for (_, stream) in streams() {
        for end in 0..=stream.len() {
            held(&stream[..end], BOTH);
        }
    }
    let longest = mark(TOKEN, &"p".repeat(MAX_PAYLOAD));
    assert_eq!(held(&longest[..HELD], BOTH).len(), HELD, "the bound is met");
}

#[test]
fn without_an_expected_token_nothing_is_held_back() {
    let stream = mark(TOKEN, "0");
    for end in 0..=stream.len() {
        assert_eq!(held(&stream[..end], &[]), b"");
    }
}

#[test]
fn a_half_mark_is_data_when_its_token_is_not_expected_any_more() {
    let stream = mark(TOKEN, "0");
    for cut in 1..stream.len() {
        let (mut scanner, mut said) = (scanner(BOTH), Vec::new());
        feed(&mut scanner, &stream[..cut], &mut said);
        assert_eq!(said, [], "cut at {cut}");
        scanner.expect([NONCE]);
        feed(&mut scanner, &stream[cut..], &mut said);
        assert_eq!(said, [Said::Data(stream.clone())], "cut at {cut}");
    }
}

#[test]
fn a_half_mark_is_completed_under_tokens_that_still_hold_its_own() {
    let stream = mark(NONCE, "0");
    for cut in 1..stream.len() {
        let (mut scanner, mut said) = (scanner(BOTH), Vec::new());
        feed(&mut scanner, &stream[..cut], &mut said);
        scanner.expect([OTHER, NONCE]);
        feed(&mut scanner, &stream[cut..], &mut said);
        assert_eq!(said, [Said::Mark(NONCE, "0".into())], "cut at {cut}");
    }
}

#[test]
fn what_is_copied_does_not_grow_with_the_stream() {
    let almost = format!("\x1e{TOKEN} {}", "p".repeat(MAX_PAYLOAD));
    for unit in ["\x1e", &almost, "data"] {
        let stream = Bytes::from(unit.repeat((1 << 20) / unit.len()));
        let mut scanner = scanner(BOTH);
        let (peak, events) = counting::peak_of(|| {
            let mut events = 0;
            scanner.feed(stream.clone(), |_| events += 1);
            for at in 0..4096 {
                scanner.feed(stream.slice(at..=at), |_| events += 1);
            }
            events
        });
        assert!(peak < 8 * HELD, "{unit:?}: {peak} bytes");
        assert!(events <= 1 + 4096, "{unit:?}: {events} events");
    }
}

//! Server-sent events, read from pieces of any size.

/// The longest message that is taken in; a longer one is passed over whole and said.
const LONGEST: usize = 4 << 20;

/// One message of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its id, where it has one.
    pub id: Option<String>,
    /// What kind it is; empty where that is not said.
    pub event: String,
    /// Its data, lines joined.
    pub data: String,
    /// True where it was longer than is taken in; its data is then cut.
    pub cut: bool,
}

/// Puts messages together from what a connection gives.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    message: Message,
    begun: bool,
    after_return: bool,
}

impl Parser {
    /// Takes the next bytes in and gives each message that they complete.
    pub fn feed(&mut self, bytes: &[u8], give: &mut dyn FnMut(Message)) {
        let mut rest = bytes;
        while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
            let (head, tail) = rest.split_at(at);
            let end = tail.first().copied().unwrap_or(b'\n');
            rest = tail.get(1..).unwrap_or_default();
            // `\r\n` is one end, also where a piece ends between.
            let second = head.is_empty() && std::mem::take(&mut self.after_return) && end == b'\n';
            if second {
                continue;
            }
            self.after_return = end == b'\r';
            self.keep(head);
            self.end_line(give);
        }
        if !rest.is_empty() {
            self.after_return = false;
        }
        self.keep(rest);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.line.len() + self.message.data.len());
        self.message.cut |= bytes.len() > room;
        let kept = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.line.extend_from_slice(kept);
    }

    fn end_line(&mut self, give: &mut dyn FnMut(Message)) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            if std::mem::take(&mut self.begun) {
                give(message);
            }
            return;
        }
        let line = String::from_utf8_lossy(&line);
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => self.message.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.message.event),
            "data" => {
                if !self.message.data.is_empty() {
                    self.message.data.push('\n');
                }
                self.message.data.push_str(value);
            }
            // A comment (an empty name) or a field that is not known here.
            _ => return,
        }
        self.begun = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(pieces: &[&[u8]]) -> Vec<Message> {
        let mut parser = Parser::default();
        let mut messages = Vec::new();
        for piece in pieces {
            parser.feed(piece, &mut |message| messages.push(message));
        }
        messages
    }

    #[test]
    fn a_message_has_an_id_a_kind_and_data() {
        let read =
            read(&[b": hello\nid: 7\nevent: rotascope\ndata: {\"a\":\ndata: 1}\n\ndata: x\n"]);
        assert_eq!(
            read,
            [Message {
                id: Some("7".to_owned()),
                event: "rotascope".to_owned(),
                data: "{\"a\":\n1}".to_owned(),
                cut: false,
            }]
        );
    }

    #[test]
    fn a_message_without_end_is_passed_over_and_said() {
        let long = vec![b'x'; LONGEST / 2];
        let read = read(&[b"data: ", &long, &long, &long, b"\n\n", b"data: y\n\n"]);
        let cut: Vec<bool> = read.iter().map(|message| message.cut).collect();
        assert_eq!(cut, [true, false]);
        assert_eq!(read[1].data, "y");
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_are_cut(
            cuts in prop::collection::vec(0..60_usize, 0..8),
            end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        ) {
            let text = ["id: 1", "event: e", "data: ü", "", ":", "data: 2", "data: 3", "", ""].join(end);
            let bytes = text.as_bytes();
            let whole = read(&[bytes]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([bytes.len()]) {
                pieces.push(&bytes[from..cut]);
                from = cut;
            }
            prop_assert_eq!(whole.len(), 2);
            prop_assert_eq!(read(&pieces), whole);
        }

        #[test]
        fn any_bytes_are_taken(bytes in any::<Vec<u8>>()) {
            let _ = read(&[&bytes]);
        }
    }
}

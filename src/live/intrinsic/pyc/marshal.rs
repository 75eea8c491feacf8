//! Walks what Python's `marshal` wrote, without making objects of it (`Python/marshal.c`, `r_object`).
//!
//! Takes bytes and the fields of code objects; says where they stop making sense. No recursion: what is open lies on a
//! list of bounded length.

/// Why the walk ended.
pub(super) enum Stop {
    /// It is damaged: offset and proof.
    Damaged(usize, String),
    /// It cannot be told.
    Unknown(&'static str),
}

/// Python itself refuses more than 2000 levels (`MAX_MARSHAL_STACK_DEPTH`).
const DEPTH: usize = 4000;

/// What is open.
#[derive(Clone, Copy)]
enum Open {
    /// So many objects follow.
    Objects(u64),
    /// Objects follow until a NULL.
    UntilNull,
    /// The fields of code that are left: `L` a number, `O` an object.
    Code(&'static [u8]),
}

/// Walks one object, which must end where the bytes end.
pub(super) fn walk(bytes: &[u8], code: &'static [u8]) -> Result<(), Stop> {
    let mut walk = Walk { bytes, at: 0, open: vec![Open::Objects(1)], code };
    if !matches!(bytes.first(), Some(first) if first & 0x7f == b'c') {
        return Err(walk.damaged("no code follows its header"));
    }
    while let Some(open) = walk.open.pop() {
        walk.go_on(open)?;
        if walk.open.len() > DEPTH {
            return Err(Stop::Unknown("its objects are nested deeper than Python reads"));
        }
    }
    if walk.at < bytes.len() {
        return Err(walk.damaged("more bytes follow the end of its code"));
    }
    Ok(())
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    open: Vec<Open>,
    code: &'static [u8],
}

impl Walk<'_> {
    fn damaged(&self, proof: impl Into<String>) -> Stop {
        Stop::Damaged(self.at, proof.into())
    }

    fn go_on(&mut self, open: Open) -> Result<(), Stop> {
        match open {
            Open::Objects(0) | Open::Code([]) => Ok(()),
            Open::Objects(left) => {
                self.open.push(Open::Objects(left - 1));
                self.object(false)
            }
            Open::UntilNull => {
                self.open.push(Open::UntilNull);
                self.object(true)
            }
            Open::Code([field, rest @ ..]) => {
                self.open.push(Open::Code(rest));
                if *field == b'L' { self.skip(4) } else { self.object(false) }
            }
        }
    }

    fn object(&mut self, may_end: bool) -> Result<(), Stop> {
        let start = self.at;
        match self.byte()? & 0x7f {
            b'0' if may_end => {
                self.open.pop();
                Ok(())
            }
            b'N' | b'F' | b'T' | b'S' | b'.' => Ok(()),
            b'i' | b'r' | b'R' => self.skip(4),
            b'I' | b'g' => self.skip(8),
            b'y' => self.skip(16),
            b'l' => {
                let digits = self.size()?;
                self.skip(u64::from(digits.unsigned_abs()) * 2)
            }
            b'x' => {
                self.short()?;
                self.short()
            }
            b's' | b't' | b'u' | b'a' | b'A' => {
                let length = self.length()?;
                self.skip(length)
            }
            b'f' | b'z' | b'Z' => self.short(),
            b'(' | b'[' | b'<' | b'>' => {
                let count = self.length()?;
                self.open.push(Open::Objects(count));
                Ok(())
            }
            b')' => {
                let count = self.byte()?;
                self.open.push(Open::Objects(u64::from(count)));
                Ok(())
            }
            b':' => {
                self.open.push(Open::Objects(3));
                Ok(())
            }
            b'{' => {
                self.open.push(Open::UntilNull);
                Ok(())
            }
            b'c' => {
                self.open.push(Open::Code(self.code));
                Ok(())
            }
            kind => {
                self.at = start;
                Err(self.damaged(format!("its code holds an object of a type that there is not: {kind:#04x}")))
            }
        }
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        let byte = *self.bytes.get(self.at).ok_or_else(|| self.damaged("its code is cut off"))?;
        self.at += 1;
        Ok(byte)
    }

    fn skip(&mut self, count: u64) -> Result<(), Stop> {
        let end = usize::try_from(count).ok().and_then(|count| self.at.checked_add(count));
        match end.filter(|&end| end <= self.bytes.len()) {
            Some(end) => {
                self.at = end;
                Ok(())
            }
            None => Err(self.damaged("its code is cut off, or a length in it is wrong")),
        }
    }

    fn size(&mut self) -> Result<i32, Stop> {
        let at = self.at;
        self.skip(4)?;
        Ok(i32::from_le_bytes([self.bytes[at], self.bytes[at + 1], self.bytes[at + 2], self.bytes[at + 3]]))
    }

    fn length(&mut self) -> Result<u64, Stop> {
        let size = self.size()?;
        u64::try_from(size).map_err(|_| self.damaged("a length in its code is negative"))
    }

    fn short(&mut self) -> Result<(), Stop> {
        let length = self.byte()?;
        self.skip(u64::from(length))
    }
}

//! The ways out of the command line: answers go to standard output, words about the work to standard error. Every verb uses them, and
//! nothing else writes there: a reader that goes away, as `head` does, ends the program quietly, and an answer that could not be written
//! is an error.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
};

/// Why an answer did not get out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Whoever read has what they wanted. The program ends without a word and with 0.
    #[error("nobody reads standard output any more")]
    Closed,
    #[error("standard output cannot be written")]
    Failed(#[source] io::Error),
}

impl From<io::Error> for Error {
    fn from(cause: io::Error) -> Self {
        if cause.kind() == ErrorKind::BrokenPipe { Self::Closed } else { Self::Failed(cause) }
    }
}

/// Writes the text and an end of line to standard output.
pub fn line(text: impl Display) -> Result<(), Error> {
    bytes(format!("{text}\n").as_bytes())
}

/// Writes this to standard output as it is, to the last byte.
pub fn bytes(bytes: &[u8]) -> Result<(), Error> {
    write(&mut io::stdout().lock(), bytes)
}

fn write(out: &mut impl Write, bytes: &[u8]) -> Result<(), Error> {
    out.write_all(bytes)?;
    // What is left in a buffer would be lost without a word when the program ends.
    Ok(out.flush()?)
}

/// Says something on standard error. That nobody hears it keeps no work from being done.
pub fn say(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes everything, and says only at the end that it could not keep it, as buffers do.
    struct Full(ErrorKind);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_no_failure_and_a_full_disk_is_one() {
        assert!(matches!(write(&mut Full(ErrorKind::BrokenPipe), b"x"), Err(Error::Closed)));
        let full = write(&mut Full(ErrorKind::StorageFull), b"x").map_err(anyhow::Error::from).expect_err("it is full");
        assert_eq!(format!("{full:#}"), "standard output cannot be written: no storage space");
        assert!(write(&mut vec![], b"x").is_ok());
    }
}

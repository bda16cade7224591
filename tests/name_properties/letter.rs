//! What is sent?

use std::fmt;
use std::str::FromStr;

use annulus::bytemuck::{Pod, Zeroable};

/// A message that says which object it was put into, by whom, and as which one of that sender's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Letter {
    /// The object, as its senders know it.
    pub object: u64,
    /// Who has sent it.
    pub sender: u64,
    /// Which one of his: they rise.
    pub number: u64,
}

/// A letter on its way: all of its bytes depend on all of it.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Sealed([u64; 8]);

impl Letter {
    /// To be sent.
    pub fn seal(self) -> Sealed {
        let mut words = [self.object, self.sender, self.number, 0, 0, 0, 0, 0];
        let mut mix = 0x9e37_79b9_7f4a_7c15u64;
        for i in 3..8 {
            for word in &words[..i] {
                mix = (mix ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(31);
            }
            words[i] = mix;
        }
        Sealed(words)
    }
}

impl Sealed {
    /// The letter; panics if it is torn.
    pub fn open(self) -> Letter {
        let [object, sender, number, ..] = self.0;
        let letter = Letter { object, sender, number };
        assert_eq!(self.0, letter.seal().0, "torn: {letter}");
        letter
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.object, self.sender, self.number)
    }
}

impl FromStr for Letter {
    type Err = String;

    fn from_str(text: &str) -> Result<Letter, String> {
        let mut words = text.split('.').map(str::parse);
        let mut word = || words.next().and_then(Result::ok).ok_or_else(|| text.to_owned());
        Ok(Letter {
            object: word()?,
            sender: word()?,
            number: word()?,
        })
    }
}

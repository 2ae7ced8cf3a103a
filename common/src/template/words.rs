//! Made-up names, words and addresses, from the English lists of `fake`.

use std::convert::Infallible;

use fake::Fake;
use fake::faker::address::en as address;
use fake::faker::company::en::CompanyName;
use fake::faker::internet::en::SafeEmail;
use fake::faker::lorem::en as lorem;
use fake::faker::name::en as name;
use fake::faker::phone_number::en::PhoneNumber;
use fake::rand::TryRng;

use crate::draw::Draws;

/// What is made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    Name,
    FirstName,
    LastName,
    Email,
    Word,
    Several(usize),
    Sentence,
    Street,
    City,
    Country,
    Phone,
    Company,
}

impl Words {
    /// What a function without arguments makes up; `None` when there is none of that name.
    pub(super) fn read(function: &str) -> Option<Self> {
        Some(match function {
            "name" => Self::Name,
            "first_name" => Self::FirstName,
            "last_name" => Self::LastName,
            "email" => Self::Email,
            "word" => Self::Word,
            "sentence" => Self::Sentence,
            "street" => Self::Street,
            "city" => Self::City,
            "country" => Self::Country,
            "phone" => Self::Phone,
            "company" => Self::Company,
            _ => return None,
        })
    }

    pub(super) fn draw(self, draws: &mut Draws) -> String {
        match self {
            Self::Name => name::Name().fake_with_rng(draws),
            Self::FirstName => name::FirstName().fake_with_rng(draws),
            Self::LastName => name::LastName().fake_with_rng(draws),
            Self::Email => SafeEmail().fake_with_rng(draws),
            Self::Word => lorem::Word().fake_with_rng(draws),
            Self::Several(n) => lorem::Words(n..n + 1).fake_with_rng::<Vec<String>, _>(draws).join(" "),
            Self::Sentence => lorem::Sentence(4..12).fake_with_rng(draws),
            Self::Street => {
                let number: String = address::BuildingNumber().fake_with_rng(draws);
                format!("{number} {}", address::StreetName().fake_with_rng::<String, _>(draws))
            }
            Self::City => address::CityName().fake_with_rng(draws),
            Self::Country => address::CountryName().fake_with_rng(draws),
            Self::Phone => PhoneNumber().fake_with_rng(draws),
            Self::Company => CompanyName().fake_with_rng(draws),
        }
    }
}

impl TryRng for Draws {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.bits() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.bits())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for part in out.chunks_mut(8) {
            part.copy_from_slice(&self.bits().to_le_bytes()[..part.len()]);
        }
        Ok(())
    }
}

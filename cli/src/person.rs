//! The person that a command is about.

use clap::Args;
use leadhook::base::country::Country;
use leadhook::contact::{Email, Phone};
use leadhook::pipeline::lead::Identifier;
use serde_json::{Value, json};

#[derive(Args)]
#[group(required = true, multiple = true)]
pub struct Person {
    /// The person's e-mail address
    #[arg(long)]
    email: Option<String>,
    /// The person's phone number, with + and country code
    #[arg(long)]
    phone: Option<String>,
}

impl Person {
    /// Returns the identifiers, the e-mail address first.
    pub fn identifiers(&self) -> Result<Vec<Identifier>, String> {
        let mut all = Vec::new();
        if let Some(text) = &self.email {
            all.push(email(text).ok_or("--email: not an e-mail address")?);
        }
        if let Some(text) = &self.phone {
            let invalid = "--phone: not a phone number with + and country code, such as +46701740605";
            all.push(phone(text, None).ok_or(invalid)?);
        }
        Ok(all)
    }

    /// Returns the body for the admin API.
    pub fn body(&self) -> Result<Value, String> {
        self.identifiers()?;
        let given = [("email", &self.email), ("phone", &self.phone)];
        let given =
            given.into_iter().filter_map(|(key, text)| Some((key.to_owned(), json!(text.as_ref()?.trim()))));
        Ok(Value::Object(given.collect()))
    }

    /// Returns the identifiers as the operator typed them.
    pub fn typed(&self) -> String {
        let parts: Vec<&str> =
            [&self.email, &self.phone].into_iter().filter_map(|text| text.as_deref()).collect();
        parts.join(" and ")
    }
}

pub fn email(text: &str) -> Option<Identifier> {
    Email::parse(text).map(Identifier::Email)
}

pub fn phone(text: &str, country: Option<Country>) -> Option<Identifier> {
    Phone::parse(text, country).map(Identifier::Phone)
}

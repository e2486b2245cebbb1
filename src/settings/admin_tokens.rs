//! Tokens of the admin API, each with a name and scopes.

use std::fmt;

use crate::base::crypto::{Hash, same_hash, sha256};

/// The name of `LEADHOOK_ADMIN_TOKEN`, which has every scope.
pub const SOLE_ACTOR: &str = "admin";
/// A token of this length cannot be guessed: 24 characters of base64url are 144 bits.
const MIN_TOKEN_CHARACTERS: usize = 24;
/// Bytes of a name: it is in every entry of the audit log.
const MAX_NAME: usize = 16;

/// A part of the admin API. None of them includes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Numbers, campaigns without the receivers of their leads, the lengths of lists, keys, and the audit log.
    Read,
    /// Single posts, and operations: deliveries, replay, enable, lists, quarantine.
    Operate,
    /// Campaigns: whoever publishes can send leads to a URL of their choice, waiting ones too.
    Publish,
    /// The rights of one person: access, erasure, and taking an objection back.
    Erase,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 4] = [Self::Read, Self::Operate, Self::Publish, Self::Erase];

    /// Returns its name in settings and responses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Publish => "publish",
            Self::Erase => "erase",
        }
    }

    /// Returns the scope of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// The holder of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The name in the log and the audit log; it is no secret.
    pub name: String,
    scopes: Vec<Scope>,
}

impl Actor {
    /// Returns whether the token has a scope.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Returns the scopes of the token.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(|scope| self.may(*scope))
    }
}

/// The digest of a token, which reveals nothing, and its holder.
#[derive(Clone)]
struct Token {
    digest: Hash,
    actor: Actor,
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Token({:?})", self.actor)
    }
}

/// All tokens of the admin API. The default lets nobody in.
#[derive(Clone, Debug, Default)]
pub struct AdminTokens(Vec<Token>);

impl AdminTokens {
    /// Makes the one token with every scope.
    pub fn sole(token: &str) -> Self {
        Self::default().with(SOLE_ACTOR, Scope::ALL.to_vec(), token)
    }

    /// Parses and adds tokens `name:scope+scope:token,…`.
    ///
    /// # Errors
    /// The reason, without the text.
    pub fn and(mut self, text: &str) -> Result<Self, &'static str> {
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (name, rest) = entry.split_once(':').ok_or(SHAPE)?;
            let (scopes, token) = rest.split_once(':').ok_or(SHAPE)?;
            if !is_actor_name(name) {
                return Err("a name is 1 to 16 lower-case letters, digits or hyphens");
            }
            if name == SOLE_ACTOR {
                return Err("the name admin belongs to LEADHOOK_ADMIN_TOKEN");
            }
            let scopes = scopes.split('+').map(Scope::parse).collect::<Option<Vec<_>>>();
            let scopes =
                scopes.ok_or("a scope is read, operate, publish or erase; several are joined by +")?;
            // A token of other characters could not be sent (RFC 6750 section 2.1).
            let is_sendable = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
            if token.len() < MIN_TOKEN_CHARACTERS || !token.chars().all(is_sendable) {
                return Err("a token has 24 or more letters, digits or -._~+/=");
            }
            if self.0.iter().any(|known| known.actor.name == name) {
                return Err("two tokens have the same name");
            }
            if self.holder(token).is_some() {
                return Err("two names have the same token");
            }
            self = self.with(name, scopes, token);
        }
        Ok(self)
    }

    fn with(mut self, name: &str, scopes: Vec<Scope>, token: &str) -> Self {
        let actor = Actor { name: name.to_owned(), scopes };
        self.0.push(Token { digest: sha256(&[token.as_bytes()]), actor });
        self
    }

    /// Returns the holder of a token. It is compared with all tokens, whichever matches, so that the time reveals neither
    /// which one matched nor how much of it.
    pub fn holder(&self, token: &str) -> Option<&Actor> {
        let digest = sha256(&[token.as_bytes()]);
        let mut holder = None;
        for known in &self.0 {
            if same_hash(&known.digest, &digest) {
                holder = Some(&known.actor);
            }
        }
        holder
    }
}

const SHAPE: &str = "each token must be name:scope+scope:token";

/// Returns whether a token may have that name: as the id of a key.
pub fn is_actor_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "alice-0123456789-abcdefgh";
    const BOT: &str = "bot/0123456789+abcdefgh==";

    fn tokens() -> AdminTokens {
        let text = format!("alice:read+operate:{ALICE}, bot:read:{BOT},");
        AdminTokens::sole("short").and(&text).expect("tokens")
    }

    #[test]
    fn a_token_tells_its_holder_and_what_they_may_do() {
        let tokens = tokens();
        let may = |token| {
            let actor = tokens.holder(token).expect("a holder");
            (actor.name.clone(), Scope::ALL.map(|scope| actor.may(scope)))
        };
        assert_eq!(may(ALICE), ("alice".to_owned(), [true, true, false, false]));
        assert_eq!(may(BOT), ("bot".to_owned(), [true, false, false, false]));
        assert_eq!(may("short"), ("admin".to_owned(), [true; 4]));
        for wrong in ["", "alice", &ALICE[1..], &format!("{ALICE}x"), "SHORT"] {
            assert_eq!(tokens.holder(wrong), None, "{wrong}");
        }
        assert_eq!(AdminTokens::default().holder(""), None, "nobody is let in where there is no token");
    }

    #[test]
    fn what_is_wrong_is_said_without_showing_it() {
        let sole = AdminTokens::sole(ALICE);
        for (text, reason) in [
            ("alice", "each token must be"),
            ("alice:read", "each token must be"),
            ("Alice:read:0123456789-abcdefghijklm", "a name is"),
            (":read:0123456789-abcdefghijklm", "a name is"),
            ("a-name-that-is-long:read:0123456789-abcdefghijklm", "a name is"),
            ("admin:read:0123456789-abcdefghijklm", "the name admin"),
            ("a:all:0123456789-abcdefghijklm", "a scope is"),
            ("a::0123456789-abcdefghijklm", "a scope is"),
            ("a:read+:0123456789-abcdefghijklm", "a scope is"),
            ("a:read:0123456789-abcdefghijkl", "a token has"),
            ("a:read:0123456789 abcdefghijkl", "a token has"),
            ("a:read:0123456789:abcdefghijkl", "a token has"),
            ("a:read:0123456789-abcdefghijklm,a:erase:abcdefghijklm-0123456789", "the same name"),
            ("a:read:0123456789-abcdefghijklm,b:erase:0123456789-abcdefghijklm", "the same token"),
            (&format!("a:read:{ALICE}"), "the same token"),
        ] {
            let refused = sole.clone().and(text).expect_err(text);
            assert!(refused.contains(reason), "{text}: {refused}");
            assert!(!refused.contains("0123456789"), "{refused}");
        }
    }

    #[test]
    fn no_token_is_shown() {
        let shown = format!("{:?}", tokens());
        assert!(
            shown.contains("alice") && !shown.contains("0123456789") && !shown.contains("digest"),
            "{shown}"
        );
    }
}

//! Posts of the model: its campaigns, its people, and what they send.

use crate::support::HOUR;

/// No two texts of the model's people lack it, and nothing else holds it.
pub const MARK: &str = "zqxjkvw";
const PEOPLE: u64 = 7;
/// A name that is a link.
const LINK: &str = "&name=www.zqxjkvw.se";

/// Pseudo-random numbers that follow from a seed (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    pub fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    pub fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let at = usize::try_from(self.roll(list.len() as u64)).expect("a place");
        &list[at]
    }
}

/// The campaigns, each with its ledger, the days of its window, and whether phones recognise.
pub const CAMPAIGNS: [(&str, &str, i64, bool); 4] = [
    ("guide", "shared", 30, false),
    ("demo", "shared", 20, false),
    ("chat", "chat", 5, true),
    (CONFIRMED, "shared", 10, false),
];
/// The campaign with a double opt-in.
pub const CONFIRMED: &str = "join";
/// The days for which the consent to be called is good, and the record of consents is kept.
pub const CALL_DAYS: i64 = 12;
pub const RECORD_DAYS: i64 = 40;
/// The days for which quarantined submissions are kept.
pub const QUARANTINE_DAYS: i64 = 6;
/// The time for which a submission waits for the owner of the address.
pub const REQUEST_MS: i64 = 72 * HOUR;

/// A post that is valid.
#[derive(Clone, Debug)]
pub struct Post {
    pub campaign: usize,
    /// As it is typed, and as a fingerprint sees it.
    pub email: Option<(String, String)>,
    pub phone: Option<String>,
    pub answers: String,
    pub key: Option<String>,
    /// The number of rotations of the peppers so far: ids are made with the newest.
    pub pepper: usize,
}

/// An address as a fingerprint sees it.
fn canonical(person: u64) -> String {
    format!("{MARK}{person}@{}", if person < 2 { "gmail.com" } else { "example.com" })
}

fn tagged_as(address: &str, tag: Option<&str>) -> String {
    let (local, domain) = address.split_once('@').expect("an address");
    tag.map_or_else(|| address.to_owned(), |tag| format!("{local}+{tag}@{domain}"))
}

/// The mailbox that an address leads to.
pub fn mailbox(email: &str) -> String {
    let (local, domain) = email.split_once('@').expect("an address");
    format!("{}@{domain}", local.split('+').next().unwrap_or_default())
}

/// All addresses and numbers that anybody posts with.
pub fn everybody() -> Vec<String> {
    let tags = [None, Some("x"), Some("y")];
    let emails = (0..PEOPLE).flat_map(|person| tags.map(|tag| tagged_as(&canonical(person), tag)));
    emails.chain((0..PEOPLE).map(phone_of)).collect()
}

fn phone_of(person: u64) -> String {
    format!("+467017406{:02}", 5 + person)
}

/// Somebody's e-mail address, phone number, or both, as an operator types them.
pub fn somebody(dice: &mut Dice) -> (Option<String>, Option<String>) {
    let person = dice.roll(PEOPLE);
    let (by_email, by_phone) = *dice.of(&[(true, false), (true, false), (true, true), (false, true)]);
    let phone = phone_of(dice.roll(PEOPLE));
    (by_email.then(|| canonical(person)), by_phone.then_some(phone))
}

impl Post {
    pub fn random(dice: &mut Dice) -> Self {
        let person = dice.roll(PEOPLE);
        let campaign = usize::try_from(dice.roll(CAMPAIGNS.len() as u64)).expect("a place");
        let (has_email, has_phone) = *dice.of(&[(true, false), (true, false), (true, true), (false, true)]);
        // Who is asked by mail has an address.
        let has_email = has_email || CAMPAIGNS[campaign].0 == CONFIRMED;
        // Some people share a phone.
        let phone = format!("07017406{:02}", 5 + if dice.one_in(4) { 0 } else { person });
        let typed = match person {
            0 | 1 => dice.of(&["{}@gmail.com", "{}%2Bx@googlemail.com", "{}@gmail.com"]),
            // Only where it is counted what goes to a mailbox, its tag is cut.
            2 => dice.of(&["{}@example.com", "{}@example.com", "{}%2Bx@example.com", "{}%2By@example.com"]),
            _ => dice.of(&["{}@example.com", "+{}@EXAMPLE.com"]),
        };
        let tagged = typed.split_once("%2B").map(|(_, rest)| rest.split('@').next().unwrap_or_default());
        let tag = tagged.filter(|_| person > 1);
        let address = typed.replace("{}", &format!("{MARK}{person}"));
        let answers = [
            dice.of(&["", "", "&name=Zqxjkvw", "&name=Zqxjkvw+Anna", LINK]),
            dice.of(&["", "", "&size=51%2B", "&size=1-10"]),
            dice.of(&["", "", "&consent.call=on", "&consent.call=2"]),
            dice.of(&["", "", "&seats=2", "&seats=3"]),
        ];
        Self {
            campaign,
            email: has_email.then(|| (address, tagged_as(&canonical(person), tag))),
            phone: has_phone.then_some(phone),
            answers: answers.map(|answer| *answer).concat(),
            key: dice.one_in(6).then(|| format!("{MARK}-{}", dice.roll(12))),
            pepper: 0,
        }
    }

    /// Tells whether it is quarantined if a trap is filled in as well.
    pub fn has_link(&self) -> bool {
        self.answers.contains(LINK)
    }

    pub fn form(&self, dice: &mut Dice, is_trapped: bool) -> String {
        let contact = [
            self.email.as_ref().map(|(typed, _)| format!("&email={typed}")),
            self.phone.as_ref().map(|phone| format!("&phone={phone}")),
        ];
        let contact: String = contact.into_iter().flatten().collect();
        // Neither attribution nor unknown fields make it another post.
        let typed = self.email.as_ref().map(|(typed, _)| typed.as_str()).or(self.phone.as_deref());
        let somebody = format!("&utm_source={}", typed.unwrap_or_default());
        let around = *dice.of(&["", "", "&utm_source=partner", &somebody, "&other=zqxjkvw"]);
        let trap = if is_trapped { "&contact_website=zqxjkvw" } else { "" };
        format!("consent.newsletter=on{contact}{}{around}{trap}", self.answers)
    }

    /// Returns the content: posts with the same one are the same post.
    pub fn content(&self) -> String {
        let address = self.email.as_ref().map(|(typed, _)| typed.trim_start_matches('+').to_lowercase());
        let (campaign, ..) = CAMPAIGNS[self.campaign];
        format!("{campaign} {address:?} {:?} {} {:?} {}", self.phone, self.answers, self.key, self.pepper)
    }

    pub fn email(&self) -> Option<&String> {
        self.email.as_ref().map(|(_, canonical)| canonical)
    }

    /// As lists know it.
    pub fn international_phone(&self) -> Option<String> {
        self.phone.as_ref().map(|phone| phone.replacen('0', "+46", 1))
    }

    /// The identifiers that it carries, the one first whose consents it gives.
    pub fn identifiers(&self) -> Vec<String> {
        self.email().cloned().into_iter().chain(self.international_phone()).collect()
    }

    /// Whose consents it gives.
    pub fn subject(&self) -> String {
        self.identifiers().swap_remove(0)
    }

    /// Returns the identifiers that it is recognised by.
    pub fn recognising(&self) -> Vec<String> {
        let (.., by_phone) = CAMPAIGNS[self.campaign];
        let phone = self.international_phone().filter(|_| by_phone || self.email.is_none());
        self.email().cloned().into_iter().chain(phone).collect()
    }

    pub fn ledger(&self) -> &'static str {
        CAMPAIGNS[self.campaign].1
    }

    pub fn is_confirmed(&self) -> bool {
        CAMPAIGNS[self.campaign].0 == CONFIRMED
    }

    /// The purposes that it consents to.
    pub fn granted(&self) -> Vec<&'static str> {
        let call = self.answers.contains("consent.call").then_some("call");
        [Some("newsletter"), call].into_iter().flatten().collect()
    }
}

//! Local parts that name a task and not a person.

/// Sorted by byte for the binary search, without the characters that [`is_role`] passes over: the
/// mailboxes of RFC 2142, and those that companies commonly have, in English, German and the Nordic
/// languages. What is also a person's name is left out.
const ROLES: &[&str] = &[
    "abuse",
    "account",
    "accounting",
    "accounts",
    "admin",
    "administration",
    "administrator",
    "all",
    "anfrage",
    "asiakaspalvelu",
    "bestallning",
    "bestellung",
    "bestilling",
    "bewerbung",
    "billing",
    "bokning",
    "booking",
    "bookings",
    "buchhaltung",
    "buero",
    "butik",
    "butikk",
    "career",
    "careers",
    "contact",
    "contactus",
    "customercare",
    "customerservice",
    "customersupport",
    "dataskydd",
    "datenschutz",
    "donotreply",
    "einkauf",
    "ekonomi",
    "empfang",
    "enquiries",
    "enquiry",
    "everyone",
    "faktura",
    "fakturor",
    "feedback",
    "finance",
    "firma",
    "firmapost",
    "forsaljning",
    "ftp",
    "gdpr",
    "hej",
    "hello",
    "help",
    "helpdesk",
    "hostmaster",
    "hr",
    "inbox",
    "info",
    "inquiries",
    "inquiry",
    "invoice",
    "invoices",
    "it",
    "job",
    "jobs",
    "kirjaamo",
    "kontakt",
    "kontor",
    "kontoret",
    "kundesenter",
    "kundeservice",
    "kundservice",
    "kundtjanst",
    "laskut",
    "laskutus",
    "legal",
    "mail",
    "mailerdaemon",
    "management",
    "markedsforing",
    "marketing",
    "marknad",
    "media",
    "myynti",
    "news",
    "newsletter",
    "nobody",
    "noc",
    "noreply",
    "nospam",
    "office",
    "okonomi",
    "order",
    "orders",
    "ordre",
    "payroll",
    "personal",
    "post",
    "postmaster",
    "postmottak",
    "pr",
    "press",
    "privacy",
    "procurement",
    "purchasing",
    "reception",
    "receptionen",
    "rechnung",
    "rechnungen",
    "recruiting",
    "recruitment",
    "redaktion",
    "registration",
    "registrator",
    "regnskab",
    "regnskap",
    "rekrytering",
    "rekrytointi",
    "resepsjon",
    "reservations",
    "root",
    "sales",
    "salg",
    "security",
    "sekretariat",
    "service",
    "services",
    "shop",
    "skrifstofa",
    "spam",
    "staff",
    "store",
    "support",
    "sysadmin",
    "team",
    "tech",
    "technical",
    "tilaukset",
    "tilbud",
    "toimisto",
    "unsubscribe",
    "usenet",
    "uucp",
    "vastaanotto",
    "vaxel",
    "verkauf",
    "vertrieb",
    "webmaster",
    "webredaktion",
    "webshop",
    "www",
    "zentrale",
];
/// Longer local parts are no role: the longest has 15 letters and a few separators.
const MAX_LOCAL_BYTES: usize = 24;

/// Whether the local part (lower case) is one of them: `no-reply`, `no.reply` and `noreply+shop` are
/// the same one.
pub fn is_role(local: &str) -> bool {
    let untagged = local.split('+').next().unwrap_or(local);
    if untagged.len() > MAX_LOCAL_BYTES {
        return false;
    }
    let letters: String = untagged.chars().filter(|c| !matches!(c, '-' | '_' | '.')).collect();
    ROLES.binary_search(&letters.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_as_the_search_needs_and_short_enough_to_be_found() {
        assert!(ROLES.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ROLES.iter().all(|role| role.len() <= MAX_LOCAL_BYTES));
        assert!(ROLES.iter().all(|role| role.bytes().all(|byte| byte.is_ascii_lowercase())));
    }

    #[test]
    fn a_task_is_told_from_a_person() {
        for local in [
            "info",
            "sales",
            "abuse",
            "postmaster",
            "kontakt",
            "post",
            "postmottak",
            "kundtjanst",
            "kundeservice",
            "myynti",
            "noreply",
            "no-reply",
            "no_reply",
            "do.not.reply",
            "customer-service",
            "info+guide",
            "ftp",
            "zentrale",
        ] {
            assert!(is_role(local), "{local}");
        }
        for local in [
            "anna",
            "anna.info",
            "information",
            "info2",
            "kari.post",
            "postma",
            "salesman",
            "r.oot.s",
            "+info",
            "",
            "-",
            "hejdi",
            "support-team-of-a-very-long-name",
        ] {
            assert!(!is_role(local), "{local}");
        }
    }
}

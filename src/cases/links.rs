//! Addresses of jobs and contracts on CrowdWorks, found in a text.

/// Longest address that is kept, in bytes.
const MAX_LINK: usize = 200;

/// The addresses of one case on CrowdWorks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// `https://crowdworks.jp/public/jobs/123`
    pub job: Option<String>,
    /// `https://crowdworks.jp/contracts/123`
    pub contract: Option<String>,
}

impl Links {
    pub fn any(&self) -> bool {
        self.job.is_some() || self.contract.is_some()
    }

    /// These addresses, and those of `other` where there are none.
    pub fn or(self, other: Self) -> Self {
        Self { job: self.job.or(other.job), contract: self.contract.or(other.contract) }
    }
}

/// The first job's and the first contract's address in a text, brought to one spelling without query and fragment.
pub fn crowdworks_links(text: &str) -> Links {
    let mut links = Links::default();
    for (at, _) in text.match_indices("crowdworks.jp/") {
        // `evil-crowdworks.jp` and `crowdworks.jp.example.com` are other hosts.
        let before = &text[..at];
        let own_host =
            ["https://", "http://", "https://www.", "http://www."].iter().any(|it| before.ends_with(it));
        if !own_host {
            continue;
        }
        let path = &text[at + "crowdworks.jp/".len()..];
        let end = path
            .find(|it: char| !(it.is_ascii_alphanumeric() || matches!(it, '/' | '_' | '-')))
            .unwrap_or(path.len());
        let path = &path[..end];
        let numbered = |prefix: &str| {
            let rest = path.strip_prefix(prefix)?;
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let whole = !digits.is_empty()
                && !rest[digits.len()..].starts_with(|it: char| it.is_ascii_alphanumeric());
            let link = format!("https://crowdworks.jp/{prefix}{digits}");
            (whole && link.len() <= MAX_LINK).then_some(link)
        };
        let job =
            || numbered("public/jobs/").or_else(|| numbered("jobs/")).or_else(|| numbered("job_offers/"));
        if links.job.is_none() {
            links.job = job();
        }
        if links.contract.is_none() {
            links.contract = numbered("contracts/").or_else(|| numbered("proposals/"));
        }
    }
    links
}

//! Parameters of a request: from the query or a form, checked as Chatwork documents them.

use axum::extract::{FromRequest as _, Query, Request};
use axum::http::Uri;
use axum::{Form, body::Body};

use super::error::SandboxError;

const FORM: &str = "application/x-www-form-urlencoded";
/// Documented ones are a dozen at most.
const MAX_PARAMETERS: usize = 100;

/// Decoded names and values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn from_query(uri: &Uri) -> Self {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri).map(|it| it.0).unwrap_or_default();
        Self::bounded(pairs)
    }

    /// Anything but a form has no parameters: there are no JSON requests.
    pub(crate) async fn from_form(content_type: &str, body: &[u8]) -> Self {
        if content_type.split(';').next().map(str::trim) != Some(FORM) {
            return Self::default();
        }
        // Only a POST with this content type is read from its body.
        let request = Request::post("/").header("content-type", FORM).body(Body::from(body.to_vec()));
        let Ok(request) = request else { return Self::default() };
        let pairs = Form::<Vec<(String, String)>>::from_request(request, &()).await;
        Self::bounded(pairs.map(|it| it.0).unwrap_or_default())
    }

    fn bounded(mut pairs: Vec<(String, String)>) -> Self {
        pairs.truncate(MAX_PARAMETERS);
        Self(pairs)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// `0` or `1`; absent is 0.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, SandboxError> {
        match self.get(name) {
            None | Some("0") => Ok(false),
            Some("1") => Ok(true),
            Some(_) => Err(SandboxError::Invalid("A flag must be 0 or 1")),
        }
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, SandboxError> {
        let parse = |text: &str| text.parse().map_err(|_| SandboxError::Invalid("A number is not a number"));
        self.get(name).map(parse).transpose()
    }

    /// Comma-separated numbers.
    pub(crate) fn ids(&self, name: &str) -> Result<Vec<u64>, SandboxError> {
        let text = self.get(name).ok_or(SandboxError::Invalid("A list of ids is missing"))?;
        text.split(',')
            .map(|id| {
                id.trim().parse().map_err(|_| SandboxError::Invalid("A list of ids must be like 1,3,6"))
            })
            .collect()
    }

    /// One of the given words.
    pub(crate) fn choice(
        &self,
        name: &str,
        words: &[&'static str],
    ) -> Result<Option<&'static str>, SandboxError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let word = words.iter().find(|word| **word == text);
        word.map(|it| Some(*it)).ok_or(SandboxError::Invalid("A value is not one of those allowed"))
    }
}

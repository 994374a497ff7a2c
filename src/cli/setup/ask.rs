//! Questions at the terminal: a line, a secret without echo, yes or no. An answer of nothing is the default.

use std::io::{self, Write as _};
use std::thread;

use anyhow::{Context as _, anyhow};
use secrecy::SecretString;
use tokio::sync::oneshot;

use crate::platform::{self, Hidden};

use super::Terminal;

/// Nothing that is asked for is longer.
const MAX_ANSWER: usize = 4096;

pub(super) struct Asker<'a>(pub(super) &'a Terminal);

impl Asker<'_> {
    pub(super) async fn line(&self, prompt: &str) -> anyhow::Result<String> {
        self.prompt(prompt);
        let line = self.answer(false).await?;
        Ok(line.trim().to_owned())
    }

    /// What is typed does not appear.
    pub(super) async fn secret(&self, prompt: &str) -> anyhow::Result<Option<SecretString>> {
        // Before the prompt: whoever answers quickly is not shown either.
        let hidden = Hidden::begin();
        self.prompt(prompt);
        let line = self.answer(hidden.is_some()).await;
        if hidden.is_some() {
            self.0.say("");
        }
        drop(hidden);
        let line = zeroize::Zeroizing::new(line?);
        Ok(Some(line.trim()).filter(|it| !it.is_empty()).map(SecretString::from))
    }

    pub(super) async fn yes(&self, question: &str, default: bool) -> anyhow::Result<bool> {
        let choice = if default { "[Y/n]" } else { "[y/N]" };
        loop {
            let answer = self.line(&format!("{question} {choice} ")).await?.to_lowercase();
            match answer.as_str() {
                "" => return Ok(default),
                "y" | "yes" | "はい" | "ｙ" => return Ok(true),
                "n" | "no" | "いいえ" | "ｎ" => return Ok(false),
                _ => self.0.say(self.0.words("y か n でお答えください。", "please answer y or n")),
            }
        }
    }

    /// Numbers of a list that was shown, from 1.
    pub(super) async fn numbers(&self, prompt: &str, most: usize) -> anyhow::Result<Vec<usize>> {
        loop {
            let answer = self.line(prompt).await?;
            if let Some(numbers) = read_numbers(&answer, most) {
                return Ok(numbers);
            }
            self.0.say(&format!(
                "{} (1–{most})",
                self.0.words(
                    "一覧の番号を「1,3」のようにお書きください。",
                    "write numbers of the list, as in 1,3"
                )
            ));
        }
    }

    fn prompt(&self, text: &str) {
        let mut out = io::stdout().lock();
        // Nothing can be done about a closed stdout; the answer will be missing too.
        let _ = write!(out, "{text}").and_then(|()| out.flush());
    }

    /// A thread of its own: whoever waits here can be told to stop, which no read of a terminal can.
    async fn answer(&self, hidden: bool) -> anyhow::Result<String> {
        let (send, answered) = oneshot::channel();
        let read = move || {
            // Nobody waits any more: the program is about to end.
            let _ = send.send(platform::read_line(hidden));
        };
        thread::Builder::new().spawn(read).context("cannot start a thread")?;
        let line = answered.await.context("the terminal is gone")?.context("cannot read the answer")?;
        if line.is_empty() {
            return Err(anyhow!(self.0.words(
                "回答の途中で入力が終わりました。何も書き込んでいません。対話なしで使うには --yes と各オプションを指定してください",
                "the input ended before all was answered; nothing was written. Without questions: --yes with the options"
            )));
        }
        if line.len() > MAX_ANSWER {
            return Err(anyhow!(self.0.words("回答が長すぎます", "the answer is too long")));
        }
        Ok(line)
    }
}

/// No doubles, in the order given; `None` for anything that is no number of the list.
fn read_numbers(text: &str, most: usize) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in text.split([',', '、', '，', ' ', '　']).filter(|it| !it.is_empty()) {
        let digits: String = part.chars().map(|it| fullwidth_digit(it).unwrap_or(it)).collect();
        let number = digits.parse().ok().filter(|it| (1..=most).contains(it))?;
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    Some(numbers)
}

fn fullwidth_digit(it: char) -> Option<char> {
    char::from_digit(u32::from(it).checked_sub(u32::from('０'))?, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        assert_eq!(read_numbers("1,3", 3), Some(vec![1, 3]));
        assert_eq!(read_numbers("３、１　1", 3), Some(vec![3, 1]));
        assert_eq!(read_numbers("", 3), Some(Vec::new()));
        for wrong in ["0", "4", "a", "1-3", "-1"] {
            assert_eq!(read_numbers(wrong, 3), None, "{wrong}");
        }
    }
}

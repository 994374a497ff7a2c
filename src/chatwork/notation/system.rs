//! System frames: what Chatwork itself writes into a room in the name of the account that acted.

use std::ops::Range;

use crate::domain::AccountId;

use super::{Kind, Message, TaskTag};

/// What happened to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskEvent {
    Added,
    Edited,
    Done,
    Reverted,
}

/// A task as a system frame shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskNotice {
    pub event: TaskEvent,
    pub tag: TaskTag,
    /// The task's text in the body; its author is the author of the message.
    pub text: Range<usize>,
}

/// A file as `[download:…]` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Download<'a> {
    /// Id of the file.
    pub file: u64,
    /// Without the size that Chatwork adds in brackets. Written by whoever uploaded: not a safe path.
    pub name: &'a str,
}

impl std::fmt::Debug for Download<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download").field("file", &self.file).finish_non_exhaustive()
    }
}

impl<'a> Message<'a> {
    /// Nothing but system frames: no caption, no word outside them. A task's text is inside its frame.
    pub fn is_system(&self) -> bool {
        let mut frames = 0_usize;
        for index in self.siblings(0, self.nodes.len()) {
            let Some(node) = self.nodes.get(index) else { return false };
            match node.kind {
                Kind::Info if self.is_system_frame(index) => frames += 1,
                Kind::Text if self.source(&node.span).trim().is_empty() => {}
                _ => return false,
            }
        }
        frames > 0
    }

    /// The first task that a system frame shows.
    pub fn task(&self) -> Option<TaskNotice> {
        self.tasks().into_iter().next()
    }

    /// All tasks that system frames show.
    pub fn tasks(&self) -> Vec<TaskNotice> {
        let mut tasks = Vec::new();
        for frame in self.siblings(0, self.nodes.len()) {
            let Some(event) = self.task_event(frame) else { continue };
            for child in self.children(frame) {
                if let Some(node) = self.nodes.get(child)
                    && let Kind::Task(tag) = node.kind
                {
                    tasks.push(TaskNotice { event, tag, text: node.inner.clone() });
                }
            }
        }
        tasks
    }

    /// Keys of all system frames: what Chatwork itself says in this message.
    pub fn system_keys(&self) -> Vec<&'a str> {
        let frames = self.siblings(0, self.nodes.len()).filter(|index| self.is_system_frame(*index));
        frames.flat_map(|index| self.keys(index).collect::<Vec<_>>()).collect()
    }

    /// The files shown outside quotations.
    pub fn downloads(&self) -> Vec<Download<'a>> {
        self.said()
            .filter_map(|node| match node.kind {
                Kind::Download(file) => Some(Download { file, name: without_size(self.source(&node.inner)) }),
                _ => None,
            })
            .collect()
    }

    /// A frame with a `[dtext:…]` of its own, in its heading or beside it; what it quotes does not count.
    pub(super) fn is_system_frame(&self, index: usize) -> bool {
        self.nodes.get(index).is_some_and(|node| node.kind == Kind::Info) && self.keys(index).next().is_some()
    }

    /// What a system frame says of its tasks; `None` for any other frame or node.
    pub(super) fn task_event(&self, index: usize) -> Option<TaskEvent> {
        self.nodes.get(index).filter(|node| node.kind == Kind::Info)?;
        self.keys(index).find_map(|key| match key {
            "task_added" => Some(TaskEvent::Added),
            "task_edited" => Some(TaskEvent::Edited),
            "task_done" => Some(TaskEvent::Done),
            "task_reverted" => Some(TaskEvent::Reverted),
            _ => None,
        })
    }

    /// Keys of the `[dtext:…]` in a frame and its heading.
    fn keys(&self, frame: usize) -> impl Iterator<Item = &'a str> {
        let heading = frame + 1;
        let is_heading = self.nodes.get(heading).is_some_and(|node| node.kind == Kind::Title);
        self.children(heading)
            .filter(move |_| is_heading)
            .chain(self.children(frame))
            .filter_map(|index| self.nodes.get(index))
            .filter(|node| node.kind == Kind::SystemText)
            .map(|node| self.source(&node.inner))
    }
}

/// `見積書.pdf (54.2 KB)` → `見積書.pdf`
fn without_size(label: &str) -> &str {
    let size = label.rfind(" (").filter(|at| {
        label.get(at + 2..).and_then(|it| it.strip_suffix(')')).and_then(|it| it.split_once(' ')).is_some_and(
            |(number, unit)| {
                !number.is_empty()
                    && number.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
                    && ["B", "KB", "MB", "GB", "Bytes", "bytes", "Byte", "byte"].contains(&unit)
            },
        )
    });
    size.and_then(|at| label.get(..at)).unwrap_or(label)
}

/// The text that the web client shows for a key, in Japanese (from its language table); `None` for an unknown key.
pub(super) fn system_text(key: &str) -> Option<&'static str> {
    Some(match key {
        "chatroom_groupchat_created" => "新しくグループチャットを作成しました。",
        "chatroom_mychat_created" => "マイチャットを作成しました。",
        "chatroom_chat_edited" => "チャット情報を変更しました。",
        "chatroom_chatname_is" => "チャット名を「",
        "chatroom_description_is" => "概要を「",
        "chatroom_set" => "」に設定しました。",
        "chatroom_changed" => "」に変更しました。",
        "chatroom_icon_updated" => "グループチャットのアイコンを変更しました。",
        "chatroom_member_is" => "メンバー「",
        "chatroom_added" => "」を追加しました。",
        "chatroom_deleted" => "」を削除しました。",
        "chatroom_leaved" => "」が退席しました。",
        "chatroom_priv_changed" => "」の権限を変更しました。",
        "chatroom_chat_joined" => "チャットに参加しました。",
        "chatroom_adminsetting_edited" => "チャット設定を変更しました。",
        "chatroom_contact_added" => "コンタクトを追加しました。",
        "chatroom_contact_added_by_facebook" => "Facebookの友達追加設定によりコンタクトが追加されました。",
        "chatroom_over_groupchatnum" => "はグループチャット制限数を越えているため追加できませんでした。",
        "chatroom_disable_external" => {
            "は組織外ユーザーとのやりとりが禁止されているため追加できませんでした。"
        }
        "chatroom_resigned_priv_change" => {
            "」がチャットワークを解約したため、このチャットをダイレクトチャットからグループチャットへと変更しました。"
        }
        "chatroom_resigned_priv_change_all" => {
            "このチャットの管理者が存在しないため、メンバー全員の権限を管理者へと変更しました。"
        }
        "task_added" => "タスクを追加しました。",
        "task_edited" => "タスクを編集しました。",
        "task_done" => "タスクを完了しました。",
        "task_reverted" => "タスクを未完了に戻しました。",
        "file_uploaded" => "ファイルをアップロードしました。",
        "file_edited" => "ファイル名を編集しました。",
        "live_start" => "ChatWork Liveを開始しました",
        "nickname_suffix" => "さん",
        _ => return None,
    })
}

/// What stands for an account whose name is not known here.
pub(super) fn unnamed(account: AccountId) -> String {
    format!("アカウント{account}")
}

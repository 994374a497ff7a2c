//! Rule files to one compiled rule set.

use std::collections::{BTreeMap, HashMap};

use aho_corasick::{AhoCorasick, MatchKind};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::detect::condition::{Atom, Bits, Condition, MAX_MARKS, Place};
use crate::detect::explain;
use crate::detect::features::name_hash;
use crate::detect::model::{self, Model};
use crate::detect::normal::Fold;
use crate::detect::schema::{Gate, Marking, Piece, RuleFile, Scope, TermRule, Verdict};
use crate::detect::sketch::ground;
use crate::detect::table::Table;
use crate::detect::terms::CompiledTerm;
use crate::domain::{Label, Tier, hex};

/// The rule files that are part of the program: name and text.
const BUILTIN: [(&str, &str); 7] = [
    ("words.toml", include_str!("../../config/rules/words.toml")),
    ("masks.toml", include_str!("../../config/rules/masks.toml")),
    ("requests.toml", include_str!("../../config/rules/requests.toml")),
    ("dealings.toml", include_str!("../../config/rules/dealings.toml")),
    ("terms.toml", include_str!("../../config/rules/terms.toml")),
    ("atoms.toml", include_str!("../../config/rules/atoms.toml")),
    (model::FILE, include_str!("../../config/rules/model.txt")),
];

/// What the engine itself knows of a message, as marks.
const FACTS: [&str; 17] = [
    "@client",
    "@worker",
    "@other",
    "@bot",
    "@group",
    "@to_other",
    "@to_many",
    "@to_unknown",
    "@to_all",
    "@quoted",
    "@task",
    "@system",
    "@short",
    "@context",
    "@single",
    "@after_worker",
    "@after_client",
];

/// Why a rule set was refused.
#[derive(Debug, Error)]
pub enum RuleError {
    #[error("{file}: not a rule file")]
    File { file: String, source: toml::de::Error },
    #[error("rule {rule}: the pattern does not compile")]
    Pattern { rule: String, source: Box<regex::Error> },
    #[error("rule {rule}: there is no mark, word list or group {name}")]
    Unknown { rule: String, name: String },
    #[error("rule {rule}: {what}")]
    Rule { rule: String, what: &'static str },
    #[error("model.txt: line {line} is not as expected")]
    Model { line: usize },
    #[error("the spellings do not compile")]
    Spellings(#[source] aho_corasick::BuildError),
}

/// A compiled rule set; reading is `&self`, one set serves all threads.
#[derive(Debug)]
pub struct RuleSet {
    pub(crate) version: String,
    bare: String,
    pub(crate) fold: Fold,
    pub(crate) masks: Table,
    pub(crate) marks: Table,
    pub(crate) gates: Vec<CompiledGate>,
    pub(crate) verdicts: Vec<CompiledVerdict>,
    pub(crate) terms: Vec<CompiledTerm>,
    pub(crate) files: Vec<RuleFile>,
    pub(crate) model: Option<Model>,
    names: HashMap<String, u16>,
    /// Hash of the name of each mark: what the model knows it by.
    pub(crate) hashes: Vec<u64>,
    /// Marks of earlier messages that change what is meant by a sentence.
    pub(crate) ground: Bits,
    reasons: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct CompiledGate {
    pub(crate) id: String,
    pub(crate) hash: u64,
    pub(crate) labels: Vec<Label>,
    pub(crate) cap: Option<Tier>,
    pub(crate) when: Condition,
}

#[derive(Debug)]
pub(crate) struct CompiledVerdict {
    pub(crate) id: String,
    pub(crate) hash: u64,
    pub(crate) label: Label,
    pub(crate) tier: Tier,
    pub(crate) confidence: f64,
    pub(crate) scope: Scope,
    pub(crate) when: Condition,
}

impl RuleSet {
    /// The rules that the program carries.
    ///
    /// # Errors
    /// Never with the files as tested; the type is that of [`RuleSet::from_files`].
    pub fn builtin() -> Result<Self, RuleError> {
        // A test compiles every pattern of these, so that starting need not.
        Self::parse(&BUILTIN)
    }

    /// A rule set from files, `(name, text)`; together they replace the built-in ones.
    ///
    /// # Errors
    /// A file that does not parse, a pattern that does not compile or is too large, a name that nobody defines.
    pub fn from_files(files: &[(&str, &str)]) -> Result<Self, RuleError> {
        let rules = Self::parse(files)?;
        rules.compile_all()?;
        Ok(rules)
    }

    /// Compiles every pattern now; otherwise each is when a message first needs it.
    pub(crate) fn compile_all(&self) -> Result<(), RuleError> {
        self.masks.compile_all()?;
        self.marks.compile_all()?;
        self.terms.iter().try_for_each(CompiledTerm::compile_all)
    }

    fn parse(files: &[(&str, &str)]) -> Result<Self, RuleError> {
        let mut parsed = Vec::with_capacity(files.len());
        let mut model = None;
        let (mut digest, mut bare) = (Sha256::new(), Sha256::new());
        for (name, text) in files {
            // Name and length keep two different divisions of one text apart.
            let head = format!("{name}\n{}\n", text.len());
            digest.update(&head);
            digest.update(text);
            if *name == model::FILE {
                model = Some(Model::parse(text)?);
                continue;
            }
            bare.update(&head);
            bare.update(text);
            let file: RuleFile = toml::from_str(text)
                .map_err(|source| RuleError::File { file: (*name).to_owned(), source })?;
            parsed.push(file);
        }
        let dated = parsed.iter().filter_map(|file| file.dated.as_deref()).max().unwrap_or("undated");
        let name = |digest: Sha256| format!("{dated}.{}", &hex(&digest.finalize())[..12]);
        let (version, bare) = (name(digest), name(bare));
        let compiled = Builder::new(&parsed)?.build(version, bare)?;
        Ok(Self { files: parsed, model, ..compiled })
    }

    /// Names the rules: the day of the last change and a digest of the files, equal for equal files.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The version without the model's part.
    pub(crate) fn without_model(&self) -> &str {
        &self.bare
    }

    /// What the rule with this id says, in Japanese for the owner.
    pub fn explain(&self, id: &str) -> Option<&str> {
        explain::of_program(id).or_else(|| self.reasons.get(id).map(String::as_str))
    }

    /// All marks by name.
    pub(crate) fn mark_names(&self) -> Vec<(&str, u16)> {
        self.names.iter().map(|(name, at)| (name.as_str(), *at)).collect()
    }
}

/// The mark of a fact: facts are always the first marks.
pub(crate) fn fact(name: &str) -> u16 {
    FACTS.iter().zip(0..).find(|(fact, _)| **fact == name).map_or(0, |(_, at)| at)
}

struct Builder<'a> {
    files: &'a [RuleFile],
    define: BTreeMap<&'a str, String>,
    group: BTreeMap<&'a str, &'a [String]>,
    names: HashMap<String, u16>,
    reasons: BTreeMap<String, String>,
    spelled: Option<(AhoCorasick, Vec<String>)>,
}

impl<'a> Builder<'a> {
    fn new(files: &'a [RuleFile]) -> Result<Self, RuleError> {
        let mut define = BTreeMap::new();
        let mut group = BTreeMap::new();
        for file in files {
            for (name, piece) in &file.define {
                let pattern = match piece {
                    Piece::Pattern(pattern) => format!("(?:{pattern})"),
                    Piece::Words(words) => format!("(?:{})", words.join("|")),
                };
                define.insert(name.as_str(), pattern);
            }
            group.extend(file.group.iter().map(|(name, atoms)| (name.as_str(), atoms.as_slice())));
        }
        let mut names = HashMap::new();
        for (fact, at) in FACTS.iter().zip(0..) {
            names.insert((*fact).to_owned(), at);
        }
        Ok(Self { files, define, group, names, reasons: BTreeMap::new(), spelled: None })
    }

    fn build(mut self, version: String, bare: String) -> Result<RuleSet, RuleError> {
        let spellings: Vec<(&String, &String)> = self.files.iter().flat_map(|file| &file.fold).collect();
        let find = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(spellings.iter().map(|(from, _)| from))
            .map_err(RuleError::Spellings)?;
        let to: Vec<String> = spellings.iter().map(|(_, to)| (*to).clone()).collect();
        let fold = Fold::new((!spellings.is_empty()).then(|| find.clone()), to.clone());
        self.spelled = (!spellings.is_empty()).then_some((find, to));
        let files = self.files;
        let masks = self.table(files.iter().flat_map(|file| &file.mask))?;
        let marks = self.table(files.iter().flat_map(|file| &file.mark))?;
        let mut gates = Vec::new();
        for gate in files.iter().flat_map(|file| &file.gate) {
            gates.push(self.gate(gate)?);
        }
        let mut verdicts = Vec::new();
        for verdict in files.iter().flat_map(|file| &file.verdict) {
            verdicts.push(self.verdict(verdict)?);
        }
        let mut terms = Vec::new();
        for term in files.iter().flat_map(|file| &file.term) {
            terms.push(self.term(term)?);
        }
        let Self { names, reasons, .. } = self;
        let mut hashes = vec![0; names.len()];
        for (name, at) in &names {
            hashes[usize::from(*at)] = name_hash(name);
        }
        Ok(RuleSet {
            version,
            bare,
            fold,
            masks,
            marks,
            gates,
            verdicts,
            terms,
            ground: ground(&names),
            names,
            hashes,
            reasons,
            files: Vec::new(),
            model: None,
        })
    }

    fn introduce(&mut self, id: &str, reason: &str) -> Result<(), RuleError> {
        if reason.is_empty() || self.reasons.insert(id.to_owned(), reason.to_owned()).is_some() {
            return Err(RuleError::Rule { rule: id.to_owned(), what: "needs a reason and an id of its own" });
        }
        Ok(())
    }

    fn table(&mut self, rules: impl Iterator<Item = &'a Marking>) -> Result<Table, RuleError> {
        let mut patterns = Vec::new();
        for rule in rules {
            self.introduce(&rule.id, &rule.reason)?;
            let gives = rule.gives.as_deref().map(|name| self.name(&rule.id, name)).transpose()?;
            patterns.push((rule.id.as_str(), gives, self.expand(&rule.id, &rule.patterns)?));
        }
        Table::new(&patterns)
    }

    fn name(&mut self, rule: &str, name: &str) -> Result<u16, RuleError> {
        if let Some(known) = self.names.get(name) {
            return Ok(*known);
        }
        let next = self.names.len();
        let index = u16::try_from(next).ok().filter(|_| next < MAX_MARKS);
        let index = index.ok_or(RuleError::Rule { rule: rule.to_owned(), what: "is one mark too many" })?;
        self.names.insert(name.to_owned(), index);
        Ok(index)
    }

    /// The alternatives as one pattern, with the word lists put in.
    fn expand(&self, rule: &str, patterns: &[String]) -> Result<String, RuleError> {
        let mut joined = patterns.iter().map(|p| format!("(?:{p})")).collect::<Vec<_>>().join("|");
        // Lists may use lists; the bound stops a circle.
        for _ in 0..64 {
            let Some((head, rest)) = joined.split_once("{{") else { break };
            let Some((name, tail)) = rest.split_once("}}") else { break };
            let Some(piece) = self.define.get(name) else {
                return Err(RuleError::Unknown { rule: rule.to_owned(), name: name.to_owned() });
            };
            let place = format!("{{{{{name}}}}}");
            joined = format!("{head}{piece}{}", tail.replace(&place, piece));
        }
        if joined.contains("{{") || patterns.is_empty() {
            return Err(RuleError::Rule {
                rule: rule.to_owned(),
                what: "has no pattern, or lists that use each other",
            });
        }
        // Rules may be written in any spelling; the text that they meet has only one.
        let Some((find, to)) = &self.spelled else { return Ok(joined) };
        Ok(find.replace_all(&joined, to))
    }

    fn condition(&self, rule: &str, all: &[String], none: &[String]) -> Result<Condition, RuleError> {
        let any = |entry: &String| -> Result<Vec<Atom>, RuleError> {
            let mut atoms = Vec::new();
            for name in entry.split('|') {
                match name.strip_prefix('%') {
                    None => atoms.push(self.atom(rule, name)?),
                    Some(group) => {
                        let members = self.group.get(group).ok_or_else(|| RuleError::Unknown {
                            rule: rule.to_owned(),
                            name: group.to_owned(),
                        })?;
                        for member in *members {
                            atoms.push(self.atom(rule, member)?);
                        }
                    }
                }
            }
            Ok(atoms)
        };
        let all = all.iter().map(any).collect::<Result<Vec<_>, _>>()?;
        let none = none.iter().map(any).collect::<Result<Vec<_>, _>>()?.concat();
        if all.is_empty() {
            return Err(RuleError::Rule { rule: rule.to_owned(), what: "needs at least one condition" });
        }
        Ok(Condition { all, none })
    }

    fn atom(&self, rule: &str, name: &str) -> Result<Atom, RuleError> {
        let (place, mark) = Place::NAMES
            .iter()
            .find_map(|(prefix, place)| name.strip_prefix(prefix).map(|mark| (*place, mark)))
            .unwrap_or((if name.starts_with('@') { Place::Message } else { Place::Here }, name));
        match self.names.get(mark) {
            Some(mark) => Ok(Atom { place, mark: *mark }),
            None => Err(RuleError::Unknown { rule: rule.to_owned(), name: name.to_owned() }),
        }
    }

    fn gate(&mut self, gate: &Gate) -> Result<CompiledGate, RuleError> {
        self.introduce(&gate.id, &gate.reason)?;
        let when = self.condition(&gate.id, &gate.all, &gate.none)?;
        Ok(CompiledGate {
            id: gate.id.clone(),
            hash: name_hash(&gate.id),
            labels: gate.labels.clone(),
            cap: gate.cap,
            when,
        })
    }

    fn verdict(&mut self, verdict: &Verdict) -> Result<CompiledVerdict, RuleError> {
        self.introduce(&verdict.id, &verdict.reason)?;
        let request = verdict.label == Label::NewRequest;
        let graded = verdict.tier.is_some_and(|tier| tier != Tier::No)
            && verdict.confidence.is_some_and(|confidence| (0.0..=1.0).contains(&confidence));
        if request != graded {
            let what = "new_request needs a tier and a confidence from 0 to 1, other labels need none";
            return Err(RuleError::Rule { rule: verdict.id.clone(), what });
        }
        Ok(CompiledVerdict {
            id: verdict.id.clone(),
            hash: name_hash(&verdict.id),
            label: verdict.label,
            tier: verdict.tier.unwrap_or_default(),
            confidence: verdict.confidence.unwrap_or_default(),
            scope: verdict.scope,
            when: self.condition(&verdict.id, &verdict.all, &verdict.none)?,
        })
    }

    fn term(&mut self, rule: &TermRule) -> Result<CompiledTerm, RuleError> {
        self.introduce(&rule.id, &rule.reason)?;
        let expand = |pattern: &String| self.expand(&rule.id, std::slice::from_ref(pattern));
        let patterns = rule.patterns.iter().map(expand).collect::<Result<Vec<_>, _>>()?;
        let except = match rule.except.is_empty() {
            true => None,
            false => Some(self.expand(&rule.id, &rule.except)?),
        };
        CompiledTerm::new(&rule.id, rule.term, &patterns, except)
    }
}

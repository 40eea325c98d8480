//! Bases: pretrained models imported from a folder or the hub, and small ones made from scratch.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use repartee_core::error::{Code, Error, Result};
use repartee_core::format::counted;
use repartee_core::job::{Ctx, Job, Progress, Stop, now_ms};
use repartee_core::kind::{EachName, Named, absolute_path};
use repartee_core::study::TRAINED_NOTE;
use repartee_core::unreadable::{Listed, good};
use repartee_datasets::clean::is_notice;
use repartee_datasets::{Partition, private};
use repartee_models::text::{
    self, ClassifierText, Files, GeneratorText, TOKENIZER_FILES, Template,
};
use repartee_models::weights::{self, Parameters, Tensors};
use repartee_models::{Device, bert, gpt2};
use repartee_store::Store;
use repartee_store::bases::{Base, BaseKind, NewBase};
use repartee_store::marks::Marked;
use repartee_store::pairs::PairQuery;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ToEngine;
use crate::bases::permission::may_train_tokenizer;
use crate::items::{ItemKind, Label};
use crate::{Engine, bases::bundle, bases::card, bases::hub, names};

/// Maximum number of pairs for training a tokenizer: more hardly change a token.
const TOKENIZER_PAIRS: usize = 200_000;

/// Imports a pretrained model into the project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct BaseAdd {
    pub name: String,
    /// A folder in Hugging Face layout, or a hub id, optionally with `@revision`.
    pub from: String,
}

/// Makes a small model from scratch, with a tokenizer of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
pub struct BaseNew {
    pub name: String,
    pub kind: BaseKind,
    pub layers: usize,
    /// Hidden size; a multiple of `heads`.
    pub width: usize,
    /// Attention heads per block.
    pub heads: usize,
    /// Maximum input length in tokens.
    pub context: usize,
    /// Maximum vocabulary size of the tokenizer.
    pub vocab: usize,
    /// A folder with a tokenizer to use instead of training one.
    pub tokenizer: Option<PathBuf>,
    /// The split whose training set the tokenizer is trained on; none: all pairs that are not excluded.
    pub split: Option<String>,
    /// Seed of the initial weights.
    pub seed: u64,
}

impl Default for BaseNew {
    fn default() -> Self {
        Self {
            name: String::new(),
            kind: BaseKind::Gpt2,
            layers: 4,
            width: 128,
            heads: 4,
            context: 256,
            vocab: 4000,
            tokenizer: None,
            split: None,
            seed: 1,
        }
    }
}

/// The size of a base made from scratch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BaseEstimate {
    pub parameters: usize,
    /// Size of the weights in bytes.
    pub bytes: u64,
    /// Vocabulary size of its tokenizer.
    pub vocabulary: usize,
    /// There is nothing to train a tokenizer on yet, so all three are upper bounds.
    pub at_most: bool,
}

/// A base in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BaseInfo {
    pub name: String,
    pub kind: BaseKind,
    /// The folder, the hub id with its revision, or "from scratch".
    pub origin: String,
    /// Trainable parameters.
    pub parameters: usize,
    /// Bytes in the project; some may be shared with other models.
    pub bytes: u64,
    pub layers: usize,
    pub width: usize,
    /// Maximum input length in tokens.
    pub context: usize,
    pub vocabulary: usize,
    /// Tensors of the checkpoint that the model does not use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unused: Vec<String>,
    #[serde(default)]
    pub label: Label,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Its tokenizer was trained on a text deleted since, or the base came marked as trained on deleted content.
    #[serde(default)]
    pub deleted_content: bool,
}

/// A config.json, parsed as the model it names.
#[derive(Debug, Clone)]
pub enum ModelConfig {
    Gpt2(gpt2::Config),
    Bert(bert::Config),
}

impl ModelConfig {
    /// Reads config.json.
    ///
    /// # Errors
    /// [`Code::BadInput`] if it is not JSON or lacks a field, [`Code::Model`] if it is another kind of model or needs
    /// something that is not implemented here.
    pub fn read(json: &str) -> Result<Self> {
        let bad =
            |e: serde_json::Error| Error::bad_input(format!("config.json cannot be read: {e}"));
        let plain: serde_json::Value = serde_json::from_str(json).map_err(bad)?;
        let kind = plain["model_type"]
            .as_str()
            .map(str::to_owned)
            .unwrap_or_else(|| {
                // files from before model_type was written
                if plain.get("n_embd").is_some() {
                    "gpt2"
                } else {
                    "bert"
                }
                .to_owned()
            });
        let config = match kind.as_str() {
            "gpt2" => Self::Gpt2(serde_json::from_str(json).map_err(bad)?),
            "bert" => Self::Bert(serde_json::from_str(json).map_err(bad)?),
            other => {
                return Err(Error::new(
                    Code::Model,
                    format!(
                        "config.json is of a model of type {other:?}; a base is gpt2 (generator) or bert (classifier)"
                    ),
                ));
            }
        };
        match &config {
            Self::Gpt2(c) => c.check()?,
            Self::Bert(c) => c.check()?,
        }
        Ok(config)
    }

    fn kind(&self) -> BaseKind {
        match self {
            Self::Gpt2(_) => BaseKind::Gpt2,
            Self::Bert(_) => BaseKind::Bert,
        }
    }

    fn json(&self) -> Result<String> {
        match self {
            Self::Gpt2(c) => serde_json::to_string_pretty(c),
            Self::Bert(c) => serde_json::to_string_pretty(c),
        }
        .map_err(|e| Error::internal(format!("config.json cannot be written: {e}")))
    }

    /// Every parameter. A classifier has as many classes as config.json names, if `classes` is none.
    fn parameters(&self, classes: Option<usize>) -> Result<Parameters> {
        Ok(match self {
            Self::Gpt2(c) => c.parameters()?,
            Self::Bert(c) => c.parameters(classes.unwrap_or(c.labels()))?,
        })
    }

    /// Layers, hidden size, maximum input length and vocabulary size.
    pub(crate) fn sizes(&self) -> (usize, usize, usize, usize) {
        match self {
            Self::Gpt2(c) => (c.n_layer, c.n_embd, c.n_positions, c.vocab_size),
            Self::Bert(c) => (
                c.num_hidden_layers,
                c.hidden_size,
                c.max_position_embeddings,
                c.vocab_size,
            ),
        }
    }

    /// Checks that a tokenizer belongs to the model, before anything is trained with the two.
    fn check_tokenizer(&self, files: &Files) -> Result<()> {
        match self {
            Self::Gpt2(c) => {
                let longest = Template::default().max_tokens.min(c.n_positions);
                let template = Template {
                    max_tokens: longest,
                    ..Template::default()
                };
                GeneratorText::new(files, c.vocab_size, template)?.encode(PROBE)?;
            }
            Self::Bert(c) => {
                let longest = c.max_position_embeddings.min(128);
                ClassifierText::new(files, c.vocab_size, longest)?.pair(PROBE, PROBE)?;
            }
        }
        Ok(())
    }

    /// The checkpoint's tensors under their canonical names, without a classifier's initialized head.
    fn load_into(&self, found: Tensors) -> Result<Tensors> {
        let (mut tensors, report) = self.parameters(None)?.load_into(found, 0, &Device::Cpu)?;
        // a head that was not in the file is not part of the base: each run initializes its own from its seed
        tensors.retain(|name, _| !report.fresh.contains(name));
        Ok(tensors)
    }

    /// Which of the checkpoint's listed tensors the model uses.
    fn plan(&self, listed: Vec<weights::Listed>) -> Result<weights::Plan> {
        Ok(self.parameters(None)?.plan(listed)?)
    }
}

impl BaseInfo {
    fn of(store: &Store, base: &Base, label: Label, unused: Vec<String>) -> Result<Self> {
        let config = ModelConfig::read(&base.config)?;
        let (layers, width, context, vocabulary) = config.sizes();
        Ok(Self {
            name: base.name.clone(),
            kind: base.kind,
            origin: base.origin.clone(),
            parameters: config.parameters(Some(2))?.count(),
            bytes: base.bytes,
            layers,
            width,
            context,
            vocabulary,
            unused,
            label,
            created_ms: base.created_ms,
            deleted_content: store.is_marked(Marked::Base, base.id)?,
        })
    }
}

impl Job for BaseAdd {
    const KIND: &'static str = "base-add";
    const QUEUED: bool = true;
    type Outcome = BaseInfo;

    fn names(&mut self, each: EachName) {
        each(Named::made(ItemKind::Base, &mut self.name));
    }

    fn subject(&self) -> String {
        self.name.clone()
    }

    fn make_absolute(&mut self) -> Result<()> {
        // a hub id is no path
        if Path::new(&self.from).exists() {
            self.from = absolute_path(Path::new(&self.from))?.display().to_string();
        }
        Ok(())
    }

    fn run(&self, ctx: &Ctx) -> Result<BaseInfo, Stop> {
        ctx.engine().name_is_free(&self.name)?;
        let folder = Path::new(&self.from);
        let (folder, origin) = if folder.is_dir() {
            (folder.to_owned(), folder.display().to_string())
        } else if hub::is_id(&self.from) {
            let snapshot = hub::fetch(&self.from, ctx)?;
            (snapshot.folder, snapshot.origin)
        } else {
            return Err(Error::new(
                Code::NotFound,
                format!(
                    "there is no folder {}, and it cannot be a hub id (owner/name)",
                    self.from
                ),
            )
            .into());
        };
        let read = read_folder(&folder, &|| {
            ctx.tick(Progress::new(
                format!("reading {}", self.name),
                0,
                None,
                "bytes",
            ));
        })?;
        // a model stays marked in another project
        let origin = match card::says_trained(&read.json) {
            true => format!("{origin}{TRAINED_NOTE}"),
            false => origin,
        };
        if !read.unused.is_empty() {
            ctx.say(format!(
                "{} tensors of the checkpoint are not used: {}",
                read.unused.len(),
                some(&read.unused)
            ));
        }
        let seen = match folder.join(DELETED_CONTENT).exists() {
            true => Seen::Deleted,
            false => Seen::Nothing,
        };
        ctx.engine().store_base(
            ctx,
            &self.name,
            &origin,
            &read.config,
            &read.tensors,
            &read.files,
            read.unused,
            seen,
        )
    }
}

/// A model folder's content.
#[derive(Debug)]
pub struct Folder {
    pub config: ModelConfig,
    json: String,
    /// Those that the model uses.
    pub tensors: Tensors,
    pub files: Files,
    /// Tensors of the checkpoint that the model does not use.
    pub unused: Vec<String>,
}

/// Reads a folder in Hugging Face layout, which may be untrusted: every size is compared with the checkpoint's list of
/// tensors before anything is allocated. `reading` is called before the weights are read.
///
/// # Errors
/// [`Code::BadInput`] or [`Code::Model`], in a sentence that names the file.
pub fn read_folder(folder: &Path, reading: &dyn Fn()) -> Result<Folder> {
    read_parts(folder, reading).map_err(short)
}

/// An error with quotes from a file cut to a readable length.
fn short(mut error: Error) -> Error {
    error.message = error.message.replace(['\n', '\r'], " ");
    let end = error.message.char_indices().nth(600).map(|(at, _)| at);
    if let Some(at) = end {
        error.message.truncate(at);
        error.message.push_str("...");
    }
    error
}

/// The configuration that PEFT writes for an adapter.
pub(crate) const ADAPTER: &str = "adapter_config.json";

/// The config.json of a model's folder, and its text.
pub(crate) fn model_config(folder: &Path) -> Result<(ModelConfig, String)> {
    let path = folder.join("config.json");
    let json = String::from_utf8(read_bounded(&path, LARGEST_CONFIG, CONFIG_VALUES)?)
        .map_err(|_| Error::bad_input(format!("{} is not text", path.display())))?;
    let config = ModelConfig::read(&json).map_err(|e| e.with(path.display().to_string()))?;
    Ok((config, json))
}

fn read_parts(folder: &Path, reading: &dyn Fn()) -> Result<Folder> {
    let adapter = folder.join(ADAPTER);
    if adapter.is_file() && weights::files(folder).is_err() {
        return Err(repartee_models::Error::Adapter(adapter.display().to_string()).into());
    }
    let (config, json) = model_config(folder)?;
    let plan = config.plan(weights::list(&weights::files(folder)?)?)?;
    let mut files = tokenizer_files(folder, config.sizes().3)?;
    decoded("the tokenizer", || {
        if let ModelConfig::Gpt2(c) = &config {
            text::name_end(&mut files, end_id(folder).or(c.eos_token_id))?;
        }
        config.check_tokenizer(&files)
    })?;
    reading();
    let tensors = config.load_into(weights::load(&plan.taken)?)?;
    weights::check_finite(&tensors)?;
    Ok(Folder {
        config,
        json,
        tensors,
        files,
        unused: plan.unused,
    })
}

impl Job for BaseNew {
    const KIND: &'static str = "base-new";
    const QUEUED: bool = true;
    const ALL_SOURCES: bool = true;
    type Outcome = BaseInfo;

    fn names(&mut self, each: EachName) {
        each(Named::made(ItemKind::Base, &mut self.name));
        if let Some(name) = &mut self.split {
            each(Named::used(ItemKind::Split, name));
        }
    }

    fn subject(&self) -> String {
        self.name.clone()
    }

    fn run(&self, ctx: &Ctx) -> Result<BaseInfo, Stop> {
        ctx.engine().name_is_free(&self.name)?;
        self.check()?;
        let (files, words, seen) = match &self.tokenizer {
            Some(folder) => (
                tokenizer_files(folder, MOST_VALUES)?,
                // a tokenizer stays marked in another project, like the model that it came with
                match config_says_trained(folder) {
                    true => format!("the tokenizer of {}{TRAINED_NOTE}", folder.display()),
                    false => format!("the tokenizer of {}", folder.display()),
                },
                match folder.join(DELETED_CONTENT).exists() {
                    true => Seen::Deleted,
                    false => Seen::Nothing,
                },
            ),
            None => self.train_tokenizer(ctx)?,
        };
        let vocabulary = decoded("the tokenizer", || Ok(text::vocabulary_of(&files)?))?;
        let mut config = self.config(vocabulary);
        match &mut config {
            ModelConfig::Gpt2(c) => {
                let template = Template {
                    max_tokens: self.context,
                    ..Template::default()
                };
                c.eos_token_id = Some(GeneratorText::new(&files, vocabulary, template)?.end);
            }
            ModelConfig::Bert(c) => {
                c.pad_token_id = ClassifierText::new(&files, vocabulary, self.context)?.pad;
            }
        }
        ctx.go_on()?;
        let mut tensors = config.parameters(Some(2))?.init(self.seed, &Device::Cpu)?;
        tensors.retain(|name, _| !name.starts_with("classifier."));
        let origin = format!("from scratch, seed {}, {words}", self.seed);
        ctx.engine().store_base(
            ctx,
            &self.name,
            &origin,
            &config,
            &tensors,
            &files,
            Vec::new(),
            seen,
        )
    }
}

impl BaseNew {
    /// Refuses sizes that cannot be built.
    ///
    /// # Errors
    /// [`Code::Usage`], naming them.
    pub fn check(&self) -> Result<()> {
        if self.layers == 0
            || self.width == 0
            || self.heads == 0
            || !self.width.is_multiple_of(self.heads)
        {
            return Err(Error::usage(format!(
                "{} layers with hidden size {} and {} heads are invalid: at least one layer, and a hidden \
                 size that is a multiple of heads",
                self.layers, self.width, self.heads
            )));
        }
        if self.context < 16 {
            return Err(Error::usage(format!(
                "a context of {} is too short; use 16 or more",
                counted(self.context, "token", "tokens")
            )));
        }
        // sizes that no model has, before anything is allocated
        match self.config(self.vocab.max(1)) {
            ModelConfig::Gpt2(config) => config.check(),
            ModelConfig::Bert(config) => config.check(),
        }
        .map_err(|error| Error::usage(error.to_string()))
    }

    /// The pairs that the tokenizer is trained on.
    fn tokenizer_pairs(&self, store: &Store) -> Result<PairQuery> {
        let mut query = PairQuery::default();
        match &self.split {
            Some(split) => {
                query.split_id = Some(store.split(split)?.id);
                query.partition = Some(Partition::Train);
            }
            None => query.excluded = Some(false),
        }
        Ok(query)
    }

    /// The texts of at most `most` pairs, and the pairs.
    fn tokenizer_texts(
        store: &Store,
        query: &PairQuery,
        most: usize,
    ) -> Result<(Vec<String>, Vec<i64>)> {
        let (mut texts, mut pairs): (Vec<String>, Vec<i64>) = Default::default();
        store.for_each_pair(query, |pair| {
            // a deleted text leaves a placeholder that nobody wrote
            if !is_notice(&pair.comment) && !is_notice(&pair.reply) {
                pairs.push(pair.id);
                texts.push(pair.comment);
                texts.push(pair.reply);
            }
            texts.len() < 2 * most
        })?;
        Ok((texts, pairs))
    }

    fn tokenizer_of(&self, texts: Vec<String>) -> Result<Files> {
        Ok(match self.kind {
            BaseKind::Gpt2 => text::train_bpe(texts.into_iter(), self.vocab)?,
            BaseKind::Bert => text::train_word_piece(&texts, self.vocab)?,
        })
    }

    /// The vocabulary size that training will give; none if there is no text. A vocabulary that is full after some of
    /// the texts is full after all of them, so that few of many texts are read.
    fn vocabulary_learned(&self, store: &Store) -> Result<Option<usize>> {
        let query = self.tokenizer_pairs(store)?;
        for most in [1_000, 10_000, TOKENIZER_PAIRS] {
            let (texts, _) = Self::tokenizer_texts(store, &query, most)?;
            if texts.is_empty() {
                return Ok(None);
            }
            let is_all = texts.len() < 2 * most || most == TOKENIZER_PAIRS;
            let vocabulary = text::vocabulary_of(&self.tokenizer_of(texts)?)?;
            if is_all || vocabulary >= self.vocab {
                return Ok(Some(vocabulary));
            }
        }
        Ok(None)
    }

    /// The config.json of its model with this vocabulary.
    pub(crate) fn config(&self, vocabulary: usize) -> ModelConfig {
        let (context, width, layers, heads) = (self.context, self.width, self.layers, self.heads);
        match self.kind {
            BaseKind::Gpt2 => {
                ModelConfig::Gpt2(gpt2::Config::new(vocabulary, context, width, layers, heads))
            }
            BaseKind::Bert => {
                ModelConfig::Bert(bert::Config::new(vocabulary, context, width, layers, heads))
            }
        }
    }

    /// A tokenizer trained on the project's pairs, and a description of what it was trained on.
    fn train_tokenizer(&self, ctx: &Ctx) -> Result<(Files, String, Seen), Stop> {
        let store = &ctx.project.store;
        let query = self.tokenizer_pairs(store)?;
        let words = match &self.split {
            Some(split) => format!("tokenizer of the training set of split {split}"),
            None => "tokenizer of the project's pairs".to_owned(),
        };
        may_train_tokenizer(&ctx.engine(), query.split_id)?;
        let (texts, pairs) = Self::tokenizer_texts(store, &query, TOKENIZER_PAIRS)?;
        if texts.is_empty() {
            return Err(Error::new(
                Code::NotFound,
                "there are no pairs to train a tokenizer on; add some with `repartee import` and `repartee \
                 pairs build`, or give a tokenizer with --tokenizer FOLDER",
            )
            .into());
        }
        ctx.go_on()?;
        ctx.tick(
            Progress::new("training the tokenizer", 0, None, "texts").note(counted(
                texts.len(),
                "text",
                "texts",
            )),
        );
        let files = self.tokenizer_of(texts)?;
        Ok((files, words, Seen::Pairs(pairs)))
    }
}

/// What is known of the texts that a base has seen.
enum Seen {
    /// None of this project's.
    Nothing,
    /// Its tokenizer was trained on these pairs.
    Pairs(Vec<i64>),
    /// It came marked as trained on deleted content.
    Deleted,
}

/// The file in an exported model's folder that marks it as trained on deleted content.
pub(crate) const DELETED_CONTENT: &str = "TRAINED_ON_DELETED_CONTENT.txt";

/// Writes the mark into an exported model's folder.
pub(crate) fn write_mark(folder: &Path, what: &str) -> Result<()> {
    let path = folder.join(DELETED_CONTENT);
    let words = format!(
        "{what} was trained on content that its authors have deleted since, or made with something that was.\n\
         Do not publish it. Train it again without: repartee train again RUN --without-deleted\n"
    );
    private::write(&path, words.as_bytes()).map_err(|e| Error::io("write", &path, &e))
}

impl Engine {
    /// All bases, oldest first.
    pub fn bases(&self) -> Result<Vec<BaseInfo>> {
        good(self.bases_read()?)
    }

    pub(crate) fn bases_read(&self) -> Result<Listed<BaseInfo>> {
        let info = |base: &Base| {
            let label = self.store.label(ItemKind::Base, base.id)?;
            BaseInfo::of(&self.store, base, label, Vec::new())
        };
        let bases = self.store.bases()?;
        Ok(bases.iter().map(|base| (base.id, info(base))).collect())
    }

    /// The split whose training set a tokenizer is trained on unless another is named: the only one, so that no
    /// tokenizer sees a test set unasked. None: there is no split yet.
    ///
    /// # Errors
    /// [`Code::Usage`] if there are several.
    pub fn tokenizer_split(&self) -> Result<Option<String>> {
        let mut names: Vec<String> = self.store.splits()?.into_iter().map(|s| s.name).collect();
        match names.len() {
            0 | 1 => Ok(names.pop()),
            n => Err(Error::usage(format!(
                "there are {n} splits ({}); name the one whose training set the tokenizer is trained on with --split",
                names.join(", ")
            ))),
        }
    }

    /// The size of a base made from scratch, with the tokenizer that it will have: that of a folder, or the one that
    /// training on the project's pairs gives. Nothing is stored.
    ///
    /// # Errors
    /// As [`BaseNew::check`]; [`Code::NotFound`] for a split or folder that does not exist.
    pub fn base_estimate(&self, new: &BaseNew) -> Result<BaseEstimate> {
        new.check()?;
        let vocabulary = match &new.tokenizer {
            Some(folder) => Some(text::vocabulary_of(&tokenizer_files(folder, MOST_VALUES)?)?),
            None => new.vocabulary_learned(&self.store)?,
        };
        let config = new.config(vocabulary.unwrap_or(new.vocab));
        let parameters = config.parameters(Some(2))?.count();
        Ok(BaseEstimate {
            parameters,
            bytes: 4 * parameters as u64,
            vocabulary: vocabulary.unwrap_or(new.vocab),
            at_most: vocabulary.is_none(),
        })
    }

    /// Writes a base as a folder in Hugging Face layout.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Exists`] if the folder contains a model; or if it cannot be written.
    pub fn base_export(&self, name: &str, folder: &Path) -> Result<PathBuf> {
        let base = self.store.base(name)?;
        let (tensors, files) = bundle::get(&self.store, base.bundle_id)?;
        let mark = self.study_mark()?;
        let (_, _, longest, vocabulary) = ModelConfig::read(&base.config)?.sizes();
        let facts = [
            ("Base of", base.origin.clone()),
            ("Max sequence length", format!("{longest} tokens")),
            ("Vocabulary", format!("{vocabulary} entries")),
        ];
        let card = card::card(&base.name, mark.as_deref(), &facts);
        let config = card::noted(&base.config, mark.as_deref())?;
        let config = match self.base_learned_from_reddit(&self.study_standing()?, &base)? {
            true => card::trained(&config)?,
            false => config,
        };
        write_folder(folder, &config, &tensors, &files, &card)?;
        if self.store.is_marked(Marked::Base, base.id)? {
            write_mark(folder, &format!("The tokenizer of base {name}"))?;
        }
        Ok(folder.to_owned())
    }

    fn name_is_free(&self, name: &str) -> Result<()> {
        names::check(ItemKind::Base, name)?;
        match self.store.bases()?.iter().any(|base| base.name == name) {
            true => Err(Error::new(
                Code::Exists,
                format!("a base named {name:?} already exists; choose another name"),
            )),
            false => Ok(()),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn store_base(
        &self,
        ctx: &Ctx,
        name: &str,
        origin: &str,
        config: &ModelConfig,
        tensors: &Tensors,
        files: &Files,
        unused: Vec<String>,
        seen: Seen,
    ) -> Result<BaseInfo, Stop> {
        let size = |n: usize| n as u64;
        let total: u64 = tensors
            .values()
            .map(|t| size(t.elem_count() * t.dtype().size_in_bytes()))
            .sum::<u64>()
            + files.values().map(|f| size(f.len())).sum::<u64>();
        let parts = bundle::put(&self.store, tensors, files, |done| {
            ctx.tick(Progress::new(
                format!("storing {name}"),
                done,
                Some(total),
                "bytes",
            ));
            ctx.go_on()
        })?;
        let new = NewBase {
            name: name.to_owned(),
            kind: config.kind(),
            origin: origin.to_owned(),
            config: config.json()?,
        };
        let id = self.store.base_insert(&new, &parts, now_ms())?;
        match seen {
            Seen::Nothing => {}
            Seen::Pairs(pairs) => self.store.base_saw(id, &pairs)?,
            Seen::Deleted => self.store.base_mark(id, "deleted", now_ms())?,
        }
        Ok(BaseInfo::of(
            &self.store,
            &self.store.base(name)?,
            Label::default(),
            unused,
        )?)
    }
}

/// Writes config.json, model.safetensors and the tokenizer's files: a folder that `transformers` loads.
///
/// # Errors
/// [`Code::Exists`] if the folder already contains a model, or if it cannot be written.
pub(crate) fn write_folder(
    folder: &Path,
    config: &str,
    tensors: &Tensors,
    files: &Files,
    card: &str,
) -> Result<()> {
    let config_path = folder.join("config.json");
    if config_path.exists() || folder.join("model.safetensors").exists() {
        return Err(Error::new(
            Code::Exists,
            format!(
                "{} already contains a model; choose another folder",
                folder.display()
            ),
        ));
    }
    // the names come from the project, which may be untrusted; a tokenizer has no other files than these
    if let Some(name) = files
        .keys()
        .find(|name| !TOKENIZER_FILES.contains(&name.as_str()))
    {
        return Err(Error::new(
            Code::Damaged,
            format!(
                "the project has a file {name:?} for this model, which is not a tokenizer file; nothing was written"
            ),
        ));
    }
    // a model trained on people's texts may have memorized them
    private::create_folder(folder).map_err(|e| Error::io("make", folder, &e))?;
    let weights_path = folder.join("model.safetensors");
    // an existing file keeps its mode
    private::create(&weights::partial(&weights_path))
        .map_err(|e| Error::io("write", &weights_path, &e))?;
    weights::write(tensors, &weights_path)?;
    for (name, bytes) in files {
        let path = folder.join(name);
        let plain = std::str::from_utf8(bytes).map(without_code);
        let bytes = plain
            .as_ref()
            .map_or(bytes.as_slice(), |text| text.as_bytes());
        // a tokenizer trained on people's texts contains their words
        private::write(&path, bytes).map_err(|e| Error::io("write", &path, &e))?;
    }
    let card_path = folder.join("README.md");
    private::write(&card_path, card.as_bytes()).map_err(|e| Error::io("write", &card_path, &e))?;
    private::write(&config_path, without_code(config).as_bytes())
        .map_err(|e| Error::io("write", &config_path, &e))
}

/// JSON without the entry that names code for `transformers` to download and run; any other text unchanged. The project
/// may be untrusted.
fn without_code(text: &str) -> Cow<'_, str> {
    let Ok(serde_json::Value::Object(mut map)) = serde_json::from_str(text) else {
        return Cow::Borrowed(text);
    };
    match map.remove("auto_map") {
        Some(_) => Cow::Owned(format!("{:#}", serde_json::Value::Object(map))),
        None => Cow::Borrowed(text),
    }
}

/// Text that every tokenizer must be able to encode.
const PROBE: &str =
    "Isn't the kettle's 2nd lid, um, 30 °C too hot?!\n\n> No — it's fine 😀 grüße ½ ﬁ a\u{301}";

/// The result of a third-party decoder; if it panics, the file is bad.
fn decoded<T>(what: &str, decode: impl FnOnce() -> Result<T>) -> Result<T> {
    repartee_datasets::guard::caught(decode).unwrap_or_else(|said| {
        Err(Error::bad_input(format!(
            "{what} is damaged or of an unknown kind: {said}"
        )))
    })
}

/// The tokenizer's files in a folder, for a vocabulary of this size.
pub(crate) fn tokenizer_files(folder: &Path, vocabulary: usize) -> Result<Files> {
    // a name and a number per entry, up to four per merge; added tokens and rules
    let most = MOST_VALUES.min(200_000 + vocabulary.saturating_mul(8));
    let mut files = Files::new();
    for name in TOKENIZER_FILES {
        let path = folder.join(name);
        match read_bounded(&path, LARGEST_TOKENIZER, most) {
            Ok(bytes) => {
                files.insert(name.to_owned(), bytes);
            }
            Err(e) if e.code == Code::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    if files.is_empty() {
        return Err(Error::new(
            Code::BadInput,
            format!(
                "{} has no tokenizer (tokenizer.json, or vocab.json and merges.txt, or vocab.txt)",
                folder.display()
            ),
        ));
    }
    Ok(files)
}

/// Maximum size of a config.json and of a tokenizer's file in bytes; those of large models have 20 MB.
const LARGEST_CONFIG: u64 = 1 << 20;
const LARGEST_TOKENIZER: u64 = 48 << 20;
/// Maximum number of values in a JSON file of a model, or of lines in a list: a vocabulary with its merges has a
/// million.
const MOST_VALUES: usize = 2_500_000;
/// Maximum number of values in a configuration.
const CONFIG_VALUES: usize = 50_000;

/// Some editors begin a UTF-8 file with it; JSON does not.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a file of a model's folder, bounded in size and in number of values; a JSON file without a byte order mark.
fn read_bounded(path: &Path, most: u64, values: usize) -> Result<Vec<u8>> {
    let io = |e: std::io::Error| Error::io("read", path, &e);
    let bad = |why: String| Error::bad_input(format!("{} {why}", path.display()));
    // a pipe would be waited for without end
    if std::fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir()) {
        return Err(bad("is a pipe or a device, not a file".to_owned()));
    }
    let file = std::fs::File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(file, most + 1), &mut bytes).map_err(io)?;
    if bytes.len() as u64 > most {
        return Err(bad(format!(
            "is larger than {} MB, too large for a file of this kind",
            most >> 20
        )));
    }
    if bytes.starts_with(b"version https://git-lfs") {
        return Err(bad(
            "is a Git LFS pointer, not the file itself; `git lfs pull` in its folder gets it"
                .into(),
        ));
    }
    if path.extension().is_some_and(|e| e == "json") {
        if bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        repartee_datasets::json::check_size(&bytes, values)
            .map_err(|e| bad(format!("is not JSON that can be read: {e}")))?;
    } else if bytes.iter().filter(|b| **b == b'\n').count() > values {
        return Err(bad(format!("has more than {values} lines")));
    }
    Ok(bytes)
}

/// Whether the folder's config.json, if there is one, marks the model as trained on Reddit content.
fn config_says_trained(folder: &Path) -> bool {
    let path = folder.join("config.json");
    read_bounded(&path, LARGEST_CONFIG, CONFIG_VALUES)
        .is_ok_and(|bytes| card::says_trained(&String::from_utf8_lossy(&bytes)))
}

/// The end token's id in generation_config.json, if that exists.
fn end_id(folder: &Path) -> Option<u32> {
    let bytes = read_bounded(
        &folder.join("generation_config.json"),
        LARGEST_CONFIG,
        CONFIG_VALUES,
    )
    .ok()?;
    let json: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    json.get("eos_token_id")?.as_u64()?.try_into().ok()
}

/// The first few of many names.
fn some(names: &[String]) -> String {
    let mut text = names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > 5 {
        text.push_str(", ...");
    }
    text
}

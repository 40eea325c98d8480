//! Text in, token ids out: tokenizers, and the generator's prompt template.
//!
//! A tokenizer is given as named files, as in a Hugging Face folder or a base of a project: `tokenizer.json`, or
//! `vocab.json` with `merges.txt` (GPT-2), or `vocab.txt` (BERT). This module opens no file itself.
//!
//! What people wrote is always text: a typed `<|endoftext|>`, `[SEP]`, `[CLS]` or `[MASK]` becomes ordinary tokens, as
//! with transformers' `split_special_tokens=True`. Control tokens come from templates alone. The generator's separator
//! is ordinary text, so its ids cannot identify it; [`neutralize`] removes it from what people wrote before the
//! template inserts it.
//!
//! Sources: byte-level BPE is that of GPT-2 (Radford et al. 2019), WordPiece that of BERT (Devlin et al. 2019); both
//! are implemented by the `tokenizers` crate.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tokenizers::decoders::DecoderWrapper;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer, Vocab};
use tokenizers::models::wordpiece::{WordPiece, WordPieceTrainer};
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{
    AddedToken, NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString,
    PreTokenizer, Tokenizer, TruncationParams, TruncationStrategy,
};
use ts_rs::TS;

use crate::{Error, Result};

/// Names of a tokenizer's files; a base has some of them.
pub const TOKENIZER_FILES: [&str; 7] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
];

/// A tokenizer's files by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// GPT-2's end of text, which ends every reply.
pub const END: &str = "<|endoftext|>";

/// Tokens that control a model: they come from templates, never from what people wrote.
const CONTROLS: [&str; 6] = [END, "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// BERT's control tokens, in the order in which they begin a vocabulary.
const BERT_CONTROLS: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// A model may have this many more embedding rows than its tokenizer has tokens: vocabularies are padded to round sizes
/// (50257 to 50304 or 50432). With more, the two do not belong together.
const SPARE_ROWS: usize = 1024;

fn tokenizer_error(what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Tokenizer(format!("{what}: {error}"))
}

fn utf8<'a>(files: &'a Files, name: &str) -> Result<&'a str> {
    let bytes = files
        .get(name)
        .ok_or_else(|| Error::Tokenizer(format!("{name} is missing")))?;
    std::str::from_utf8(bytes).map_err(|e| tokenizer_error(name, &e))
}

/// The value of `key` in `tokenizer_config.json`, if there is one.
fn config_value(files: &Files, key: &str) -> Option<serde_json::Value> {
    let config: serde_json::Value =
        serde_json::from_slice(files.get("tokenizer_config.json")?).ok()?;
    config.get(key).cloned()
}

/// The end token named in either of the two files that may name it.
fn end_name(files: &Files) -> Option<String> {
    ["tokenizer_config.json", "special_tokens_map.json"]
        .iter()
        .find_map(|file| {
            let json: serde_json::Value = serde_json::from_slice(files.get(*file)?).ok()?;
            let token = json.get("eos_token")?;
            let name = token.as_str().or_else(|| token.get("content")?.as_str())?;
            Some(name.to_owned())
        })
}

/// Records the end token of a model whose tokenizer files name none, by the id in its configuration.
///
/// # Errors
/// If the files contain no tokenizer.
pub fn name_end(files: &mut Files, id: Option<u32>) -> Result<()> {
    let (Some(id), None) = (id, end_name(files)) else {
        return Ok(());
    };
    let tokenizer = open_tokenizer(files)?;
    if tokenizer.token_to_id(END).is_some() {
        return Ok(());
    }
    if let Some(token) = tokenizer.id_to_token(id) {
        let map = serde_json::json!({ "eos_token": token }).to_string();
        files.insert("special_tokens_map.json".to_owned(), map.into_bytes());
    }
    Ok(())
}

/// Opens a tokenizer from its files: `tokenizer.json` first, then GPT-2's pair, then BERT's list. Truncation and
/// padding settings are dropped; the callers truncate and pad. Control tokens in a text are encoded as text.
///
/// # Errors
/// If none of the three exists, or one cannot be read.
pub fn open_tokenizer(files: &Files) -> Result<Tokenizer> {
    let mut tokenizer = if let Some(bytes) = files.get("tokenizer.json") {
        Tokenizer::from_bytes(bytes).map_err(|e| tokenizer_error("tokenizer.json", &e))?
    } else if files.contains_key("vocab.json") && files.contains_key("merges.txt") {
        byte_level(&read_bpe(
            utf8(files, "vocab.json")?,
            utf8(files, "merges.txt")?,
        )?)?
    } else if files.contains_key("vocab.txt") {
        let lower = config_value(files, "do_lower_case")
            .and_then(|v| v.as_bool())
            .unwrap_or(true);
        let vocab: Vocab = utf8(files, "vocab.txt")?
            .lines()
            .zip(0..)
            .map(|(token, id)| (token.trim_end().to_owned(), id))
            .collect();
        let model = WordPiece::builder()
            .vocab(vocab)
            .unk_token("[UNK]".to_owned())
            .build()
            .map_err(|e| tokenizer_error("vocab.txt", &e))?;
        word_piece(model, lower)?
    } else {
        return Err(Error::Tokenizer(
            "no tokenizer found: expected tokenizer.json, or vocab.json with merges.txt, or \
             vocab.txt"
                .to_owned(),
        ));
    };
    tokenizer
        .with_truncation(None)
        .map_err(|e| tokenizer_error("truncation", &e))?;
    tokenizer.with_padding(None);
    // a file may list one of these as an ordinary added word, which would still be matched in text
    let controls: Vec<AddedToken> = CONTROLS
        .iter()
        .filter(|token| tokenizer.token_to_id(token).is_some())
        .map(|token| AddedToken::from(*token, true))
        .collect();
    tokenizer
        .add_special_tokens(controls)
        .map_err(|e| tokenizer_error("control tokens", &e))?;
    tokenizer.set_encode_special_tokens(true);
    Ok(tokenizer)
}

/// GPT-2's `vocab.json` and `merges.txt` (a version line, then one merge per line).
fn read_bpe(vocab: &str, merges: &str) -> Result<BPE> {
    let vocab: HashMap<String, u32> =
        serde_json::from_str(vocab).map_err(|e| tokenizer_error("vocab.json", &e))?;
    let mut pairs = Vec::new();
    for (line, text) in (1..).zip(merges.lines()) {
        if text.starts_with("#version") || text.is_empty() {
            continue;
        }
        let (left, right) = text.split_once(' ').ok_or_else(|| {
            Error::Tokenizer(format!(
                "merges.txt line {line}: expected two tokens, got {text:?}"
            ))
        })?;
        pairs.push((left.to_owned(), right.to_owned()));
    }
    BPE::builder()
        .vocab_and_merges(vocab.into_iter().collect::<Vocab>(), pairs)
        .build()
        .map_err(|e| tokenizer_error("merges.txt", &e))
}

/// GPT-2's pipeline around a BPE: bytes as characters, split by its regex, no prefix space.
fn byte_level(model: &BPE) -> Result<Tokenizer> {
    let mut tokenizer = Tokenizer::new(model.clone());
    tokenizer
        .with_pre_tokenizer(Some(ByteLevel::new(false, true, true)))
        .with_post_processor(Some(ByteLevel::new(true, false, true)))
        .with_decoder(Some(ByteLevel::new(true, true, true)));
    tokenizer
        .add_special_tokens([AddedToken::from(END, true)])
        .map_err(|e| tokenizer_error(END, &e))?;
    Ok(tokenizer)
}

/// BERT's pipeline around a WordPiece: clean, lower-case (if set), split at spaces and punctuation; `[CLS] a [SEP] b
/// [SEP]` with types 0 and 1.
fn word_piece(model: WordPiece, lower: bool) -> Result<Tokenizer> {
    let mut tokenizer = Tokenizer::new(model);
    let present: Vec<AddedToken> = BERT_CONTROLS
        .iter()
        .filter(|token| tokenizer.token_to_id(token).is_some())
        .map(|token| AddedToken::from(*token, true))
        .collect();
    let id = |token: &str| {
        tokenizer
            .token_to_id(token)
            .ok_or_else(|| Error::Tokenizer(format!("{token} is missing from the vocabulary")))
    };
    let (cls, sep) = (id("[CLS]")?, id("[SEP]")?);
    let template = TemplateProcessing::builder()
        .try_single("[CLS] $A [SEP]")
        .map_err(|e| tokenizer_error("template", &e))?
        .try_pair("[CLS] $A [SEP] $B:1 [SEP]:1")
        .map_err(|e| tokenizer_error("template", &e))?
        .special_tokens(vec![("[CLS]", cls), ("[SEP]", sep)])
        .build()
        .map_err(|e| tokenizer_error("template", &e))?;
    tokenizer
        .with_normalizer(Some(BertNormalizer::new(true, true, None, lower)))
        .map_err(|e| tokenizer_error("normalizer", &e))?
        .with_pre_tokenizer(Some(BertPreTokenizer))
        .with_post_processor(Some(template))
        .with_decoder(Some(DecoderWrapper::WordPiece(
            tokenizers::decoders::wordpiece::WordPiece::default(),
        )));
    tokenizer
        .add_special_tokens(present)
        .map_err(|e| tokenizer_error("special tokens", &e))?;
    Ok(tokenizer)
}

/// Checks that every token id has a row in the model's embedding.
fn check_vocabulary(tokenizer: &Tokenizer, rows: usize) -> Result<()> {
    let tokens = tokenizer
        .get_vocab(true)
        .into_values()
        .max()
        .map_or(0, |id| id as usize + 1);
    if tokens > rows || rows > tokens + SPARE_ROWS {
        return Err(Error::Tokenizer(format!(
            "the tokenizer does not match the model: it has {tokens} tokens, the model's vocabulary {rows}; \
             use both from the same folder"
        )));
    }
    Ok(())
}

fn ids_of(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>> {
    let encoding = tokenizer
        .encode_fast(text, false)
        .map_err(|e| tokenizer_error("encoding", &e))?;
    Ok(encoding.get_ids().to_vec())
}

/// Removes the separator from what people wrote, so that a prompt has exactly one.
///
/// Each occurrence of the separator, trimmed, gets a space after its first character (`[SEP]` becomes `[ SEP]`). A
/// separator of one character, or of white space only, has no inside: its occurrences become one space. Text without it
/// is unchanged.
pub fn neutralize<'a>(text: &'a str, separator: &str) -> Cow<'a, str> {
    let core = match separator.trim() {
        "" => separator,
        core => core,
    };
    // a single space cannot be distinguished from text
    if core.is_empty() || core == " " || !text.contains(core) {
        return Cow::Borrowed(text);
    }
    let instead = match core.char_indices().nth(1) {
        Some((second, _)) if !core.trim().is_empty() => {
            let (first, rest) = core.split_at(second);
            format!("{first} {rest}")
        }
        _ => " ".to_owned(),
    };
    let mut out = text.to_owned();
    // occurrences may overlap or arise from an insertion; what remains after a few rounds is removed, which terminates
    for round in 0.. {
        if !out.contains(core) {
            break;
        }
        out = out.replace(core, if round < 8 { &instead } else { "" });
    }
    Cow::Owned(out)
}

/// How a comment and its reply become one text for the generator: in training, for fakes, and live.
///
/// Comment, separator, a space, reply, end token. If it is too long, the end of the comment is cut first, down to half
/// of `max_tokens`, then the end of the reply with its end token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Template {
    pub separator: String,
    /// Maximum length of an example in tokens, including the end token.
    pub max_tokens: usize,
}

impl Default for Template {
    fn default() -> Self {
        Self {
            separator: " [SEP]".to_owned(),
            max_tokens: 256,
        }
    }
}

/// One example for the generator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Token ids: prompt, then completion.
    pub ids: Vec<u32>,
    /// How many of `ids` are the prompt; the reply's first token is `ids[prompt]`.
    pub prompt: usize,
}

/// Turns off a tokenizer's cache of the words that it has encoded.
fn without_cache(tokenizer: &mut Tokenizer) {
    let mut model = tokenizer.get_model().clone();
    model.resize_cache(0);
    tokenizer.with_model(model);
}

/// A prompt for the generator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Token ids of the comment and the separator.
    pub ids: Vec<u32>,
    /// How many tokens were cut from the comment's end.
    pub cut: usize,
}

/// The generator's tokenizer with its template.
#[derive(Debug, Clone)]
pub struct GeneratorText {
    tokenizer: Tokenizer,
    separator: Vec<u32>,
    pub template: Template,
    /// The id of the end token.
    pub end: u32,
}

impl GeneratorText {
    /// A tokenizer for a model with `vocabulary` rows in its token embedding.
    ///
    /// # Errors
    /// If the files contain no tokenizer, it has no `<|endoftext|>` (or other `eos_token` named in
    /// `tokenizer_config.json` or `special_tokens_map.json`), it does not match the model, or the template leaves no
    /// tokens for text.
    pub fn new(files: &Files, vocabulary: usize, template: Template) -> Result<Self> {
        let tokenizer = open_tokenizer(files)?;
        check_vocabulary(&tokenizer, vocabulary)?;
        let name = end_name(files).unwrap_or_else(|| END.to_owned());
        let end = tokenizer.token_to_id(&name).ok_or_else(|| {
            Error::Tokenizer(format!(
                "the tokenizer has no end token {name:?}; is it GPT-2's?"
            ))
        })?;
        let mut tokenizer = tokenizer;
        tokenizer
            .add_special_tokens([AddedToken::from(name, true)])
            .map_err(|e| tokenizer_error("end token", &e))?;
        // a piece of the template may be a control token
        let mut of_template = tokenizer.clone();
        of_template.set_encode_special_tokens(false);
        let separator = ids_of(&of_template, &template.separator)?;
        if template.max_tokens < 2 * (separator.len() + 1) {
            return Err(Error::Input(format!(
                "max_tokens = {} leaves no space for a comment and a reply; 64 to 1024 is usual",
                template.max_tokens
            )));
        }
        Ok(Self {
            tokenizer,
            separator,
            template,
            end,
        })
    }

    /// Caches no words from now on: a tokenizer that stays in memory holds no text.
    pub fn disable_cache(&mut self) {
        without_cache(&mut self.tokenizer);
    }

    /// Token ids of a text as it is.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        ids_of(&self.tokenizer, text)
    }

    /// The text of token ids, trimmed and without special tokens.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        let text = self
            .tokenizer
            .decode(ids, true)
            .map_err(|e| tokenizer_error("decode", &e))?;
        Ok(text.trim().to_owned())
    }

    /// A comment as a prompt that leaves space for `reply` tokens; the comment always gets up to half of the template's
    /// length.
    pub fn prompt(&self, comment: &str, reply: usize) -> Result<Prompt> {
        let max = self.template.max_tokens;
        let mut ids = self.whole_prompt(comment)?;
        ids.truncate(ids.len() - self.separator.len());
        let room = max.saturating_sub(reply).max(max / 2) - self.separator.len();
        let cut = ids.len().saturating_sub(room);
        ids.truncate(room);
        ids.extend(&self.separator);
        Ok(Prompt { ids, cut })
    }

    /// The token ids of a comment's prompt if nothing is cut.
    pub fn whole_prompt(&self, comment: &str) -> Result<Vec<u32>> {
        let mut ids = self.encode(&neutralize(comment, &self.template.separator))?;
        ids.extend(&self.separator);
        Ok(ids)
    }

    /// A comment and its reply as one example.
    pub fn example(&self, comment: &str, reply: &str) -> Result<Example> {
        let reply = neutralize(reply, &self.template.separator);
        let mut completion = self.encode(&format!(" {reply}"))?;
        completion.push(self.end);
        let Prompt { mut ids, .. } = self.prompt(comment, completion.len())?;
        let prompt = ids.len();
        ids.extend(completion);
        ids.truncate(self.template.max_tokens);
        Ok(Example { ids, prompt })
    }

    /// [`Self::example`] for many pairs, on all threads.
    pub fn examples<C: AsRef<str> + Sync, R: AsRef<str> + Sync>(
        &self,
        pairs: &[(C, R)],
    ) -> Result<Vec<Example>> {
        pairs
            .par_iter()
            .map(|(comment, reply)| self.example(comment.as_ref(), reply.as_ref()))
            .collect()
    }
}

/// A comment and a reply for a classifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairIds {
    /// `[CLS] comment [SEP] reply [SEP]`.
    pub ids: Vec<u32>,
    /// 0 for the comment's part, 1 for the reply's.
    pub types: Vec<u32>,
}

/// The classifiers' tokenizer. Pairs that are too long lose tokens from the longer text first.
#[derive(Debug, Clone)]
pub struct ClassifierText {
    tokenizer: Tokenizer,
    /// The id of the padding token.
    pub pad: u32,
    /// Maximum length of a pair in tokens, including special tokens.
    pub max_tokens: usize,
}

impl ClassifierText {
    /// A tokenizer for a model with `vocabulary` rows in its word embedding.
    ///
    /// # Errors
    /// If the files contain no tokenizer, it does not encode pairs, it does not match the model, or `max_tokens` leaves
    /// no tokens for text.
    pub fn new(files: &Files, vocabulary: usize, max_tokens: usize) -> Result<Self> {
        if max_tokens < 8 {
            return Err(Error::Input(format!(
                "max_tokens = {max_tokens} leaves no space for a comment and a reply; 64 to 512 is usual"
            )));
        }
        let mut tokenizer = open_tokenizer(files)?;
        check_vocabulary(&tokenizer, vocabulary)?;
        let truncation = TruncationParams {
            max_length: max_tokens,
            strategy: TruncationStrategy::LongestFirst,
            ..Default::default()
        };
        tokenizer
            .with_truncation(Some(truncation))
            .map_err(|e| tokenizer_error("truncation", &e))?;
        let pad = tokenizer.token_to_id("[PAD]").unwrap_or(0);
        let text = Self {
            tokenizer,
            pad,
            max_tokens,
        };
        let probe = text.pair("a", "b")?;
        let cls = text.tokenizer.token_to_id("[CLS]");
        if cls.is_none() || probe.ids.first() != cls.as_ref() || probe.types.last() != Some(&1) {
            return Err(Error::Tokenizer(
                "the tokenizer makes no [CLS] pairs of two types; is it BERT's, with its post-processor?".to_owned(),
            ));
        }
        Ok(text)
    }

    /// As [`GeneratorText::disable_cache`].
    pub fn disable_cache(&mut self) {
        without_cache(&mut self.tokenizer);
    }

    /// A comment and a reply as one sequence. With an empty reply, the comment alone, as in transformers, the
    /// reference.
    pub fn pair(&self, comment: &str, reply: &str) -> Result<PairIds> {
        let encoding = if reply.is_empty() {
            self.tokenizer.encode_fast(comment, true)
        } else {
            self.tokenizer.encode_fast((comment, reply), true)
        }
        .map_err(|e| tokenizer_error("encoding", &e))?;
        Ok(PairIds {
            ids: encoding.get_ids().to_vec(),
            types: encoding.get_type_ids().to_vec(),
        })
    }

    /// [`Self::pair`] for many pairs, on all threads.
    pub fn pairs<C: AsRef<str> + Sync, R: AsRef<str> + Sync>(
        &self,
        pairs: &[(C, R)],
    ) -> Result<Vec<PairIds>> {
        pairs
            .par_iter()
            .map(|(comment, reply)| self.pair(comment.as_ref(), reply.as_ref()))
            .collect()
    }
}

/// The smallest vocabulary that a tokenizer can be trained to: all bytes, the end token, some merges.
pub const SMALLEST_VOCABULARY: usize = 300;

/// Trains GPT-2's byte-level BPE on texts; the separator counts as seen before every reply. The same texts in the same
/// order give the same tokenizer.
///
/// # Errors
/// If there is no text, or `vocabulary` is below [`SMALLEST_VOCABULARY`].
pub fn train_bpe<S: AsRef<str> + Send>(
    texts: impl Iterator<Item = S> + Send,
    vocabulary: usize,
) -> Result<Files> {
    check_size(vocabulary)?;
    let mut tokenizer = byte_level(&BPE::default())?;
    let trainer = BpeTrainer::builder()
        .vocab_size(vocabulary)
        .min_frequency(2)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(vec![AddedToken::from(END, true)])
        .build();
    tokenizer
        .train(&mut TrainerWrapper::from(trainer), texts)
        .map_err(|e| tokenizer_error("training", &e))?;
    let config = serde_json::json!({
        "tokenizer_class": "GPT2Tokenizer", "add_prefix_space": false,
        "bos_token": END, "eos_token": END, "unk_token": END,
    });
    files_of(&tokenizer, &config)
}

/// Trains BERT's lower-casing WordPiece on texts. The same texts give the same tokenizer, in any order and with any
/// number of threads.
///
/// The trainer of the `tokenizers` crate numbers the continuing characters (`##a`) in the order of a hash map with a
/// random seed, breaks ties between pairs by these numbers, and so gives another vocabulary each time. Here both
/// alphabets are counted and numbered beforehand, which leaves it nothing to choose.
///
/// # Errors
/// If there is no text, or `vocabulary` is below [`SMALLEST_VOCABULARY`].
pub fn train_word_piece<S: AsRef<str> + Sync>(texts: &[S], vocabulary: usize) -> Result<Files> {
    check_size(vocabulary)?;
    let specials: Vocab = BERT_CONTROLS
        .iter()
        .zip(0..)
        .map(|(token, id)| ((*token).to_owned(), id))
        .collect();
    let piece = |vocab: Vocab| {
        let model = WordPiece::builder()
            .vocab(vocab)
            .unk_token("[UNK]".to_owned())
            .build()
            .map_err(|e| tokenizer_error("vocabulary", &e))?;
        word_piece(model, true)
    };
    let mut tokenizer = piece(specials)?;
    let (begins, continues) = alphabets(&tokenizer, texts, vocabulary / 2)?;
    let known = BERT_CONTROLS
        .iter()
        .map(|token| (*token).to_owned())
        .chain(continues.iter().map(|c| format!("##{c}")))
        .map(|token| AddedToken::from(token, true))
        .collect();
    let trainer = WordPieceTrainer::builder()
        .vocab_size(vocabulary)
        .min_frequency(2)
        .limit_alphabet(begins.len())
        .initial_alphabet(begins.into_iter().collect())
        .show_progress(false)
        .special_tokens(known)
        .build();
    tokenizer
        .train(
            &mut TrainerWrapper::from(trainer),
            texts.iter().map(AsRef::as_ref),
        )
        .map_err(|e| tokenizer_error("training", &e))?;
    // a new one, in which only the control tokens are special
    let tokenizer = piece(tokenizer.get_vocab(false).into_iter().collect())?;
    let config = serde_json::json!({
        "tokenizer_class": "BertTokenizer", "do_lower_case": true, "pad_token": "[PAD]", "unk_token": "[UNK]",
        "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]",
    });
    files_of(&tokenizer, &config)
}

/// The `limit` most frequent characters of the words in texts (ties go to the first in Unicode order), and those among
/// them that occur anywhere but at the beginning of a word; both in Unicode order.
fn alphabets<S: AsRef<str> + Sync>(
    tokenizer: &Tokenizer,
    texts: &[S],
    limit: usize,
) -> Result<(BTreeSet<char>, BTreeSet<char>)> {
    type Counts = HashMap<char, (u64, bool)>;
    let count = |text: &S| -> tokenizers::Result<Counts> {
        let mut words = NormalizedString::from(text.as_ref());
        if let Some(normalizer) = tokenizer.get_normalizer() {
            normalizer.normalize(&mut words)?;
        }
        let mut words = PreTokenizedString::from(words);
        if let Some(splitter) = tokenizer.get_pre_tokenizer() {
            splitter.pre_tokenize(&mut words)?;
        }
        let mut counts = Counts::new();
        for (word, _, _) in words.get_splits(OffsetReferential::Normalized, OffsetType::None) {
            for (at, c) in word.chars().enumerate() {
                let (times, inside) = counts.entry(c).or_default();
                *times += 1;
                *inside |= at > 0;
            }
        }
        Ok(counts)
    };
    let counts = texts
        .par_iter()
        .map(count)
        .try_reduce(Counts::new, |mut all, one| {
            for (c, (more, also_inside)) in one {
                let (times, inside) = all.entry(c).or_default();
                *times += more;
                *inside |= also_inside;
            }
            Ok(all)
        })
        .map_err(|e| tokenizer_error("counting characters", &e))?;
    let mut counts: Vec<(char, (u64, bool))> = counts.into_iter().collect();
    counts.sort_unstable_by_key(|(c, (times, _))| (Reverse(*times), *c));
    counts.truncate(limit);
    let inside = counts.iter().filter(|(_, (_, inside))| *inside);
    let continues = inside.map(|(c, _)| *c).collect();
    Ok((counts.into_iter().map(|(c, _)| c).collect(), continues))
}

fn check_size(vocabulary: usize) -> Result<()> {
    if vocabulary < SMALLEST_VOCABULARY {
        return Err(Error::Input(format!(
            "a vocabulary of {vocabulary} is too small; use {SMALLEST_VOCABULARY} or more (2,000 suits the \
             sample)"
        )));
    }
    Ok(())
}

fn files_of(tokenizer: &Tokenizer, config: &serde_json::Value) -> Result<Files> {
    let json = tokenizer
        .to_string(false)
        .map_err(|e| tokenizer_error("tokenizer.json", &e))?;
    let config = serde_json::to_vec_pretty(config)
        .map_err(|e| tokenizer_error("tokenizer_config.json", &e))?;
    Ok(Files::from([
        ("tokenizer.json".to_owned(), json.into_bytes()),
        ("tokenizer_config.json".to_owned(), config),
    ]))
}

/// The number of tokens of these files' tokenizer, for a new model's vocabulary.
///
/// # Errors
/// If the files contain no tokenizer.
pub fn vocabulary_of(files: &Files) -> Result<usize> {
    Ok(open_tokenizer(files)?
        .get_vocab(true)
        .into_values()
        .max()
        .map_or(0, |id| id as usize + 1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn texts() -> Vec<String> {
        (0..200)
            .map(|i| {
                format!(
                    "the cat number {i} sat on the mat [SEP] and the dog number {} barked at it",
                    i * 7 % 31
                )
            })
            .collect()
    }

    fn generator(max_tokens: usize) -> GeneratorText {
        let files = train_bpe(texts().into_iter(), 400).unwrap();
        let rows = vocabulary_of(&files).unwrap();
        GeneratorText::new(
            &files,
            rows,
            Template {
                max_tokens,
                ..Template::default()
            },
        )
        .unwrap()
    }

    #[test]
    fn trained_bpe_is_deterministic_and_round_trips() {
        let (a, b) = (
            train_bpe(texts().into_iter(), 400).unwrap(),
            train_bpe(texts().into_iter(), 400).unwrap(),
        );
        assert_eq!(a, b);
        let text = generator(64);
        for s in ["the cat", "naïve ☃ 漢字 \u{1F600}", "a  b\n\nc"] {
            assert_eq!(text.decode(&text.encode(s).unwrap()).unwrap(), s);
        }
    }

    #[test]
    fn tokens_are_the_same_without_a_cache() {
        let (cached, mut text) = (generator(64), generator(64));
        text.disable_cache();
        for _ in 0..2 {
            for s in [
                "the cat sat on the cat",
                "naïve ☃ 漢字 \u{1F600}",
                "<|endoftext|>",
            ] {
                assert_eq!(text.encode(s).unwrap(), cached.encode(s).unwrap());
                assert_eq!(text.prompt(s, 8).unwrap(), cached.prompt(s, 8).unwrap());
            }
        }
        assert_eq!(text.end, cached.end);
    }

    #[test]
    fn word_piece_is_the_same_in_any_order_of_the_texts() {
        // many equally frequent characters and pairs: the order of a hash map must not show
        let texts: Vec<String> = (0..400_u32)
            .map(|i| {
                let letter = |n: u32| char::from_u32(0x430 + (i * 7 + n * 11) % 32).unwrap();
                (0..12)
                    .map(|n| format!("{}{}{}", letter(n), letter(n * 3 + 1), letter(n + i)))
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        let first = train_word_piece(&texts, 500).unwrap();
        let mut turned = texts.clone();
        for _ in 0..4 {
            turned.rotate_left(97);
            assert!(train_word_piece(&turned, 500).unwrap() == first);
        }
    }

    #[test]
    fn alphabet_beyond_the_limit_is_cut_by_frequency_then_unicode() {
        // 400 Chinese characters of equal frequency, and a limit of 150
        let texts: Vec<String> = (0..400)
            .map(|i| char::from_u32(0x4e00 + i).unwrap().to_string().repeat(2))
            .collect();
        let files = train_word_piece(&texts, 300).unwrap();
        let tokenizer = open_tokenizer(&files).unwrap();
        assert!(tokenizer.token_to_id("\u{4e00}").is_some());
        assert!(tokenizer.token_to_id("\u{4e95}").is_some());
        assert!(tokenizer.token_to_id("\u{4e96}").is_none());
    }

    #[test]
    fn typed_control_tokens_are_text() {
        let text = generator(64);
        let ids = text.encode("<|endoftext|> <|endoftext|>").unwrap();
        assert!(!ids.contains(&text.end), "{ids:?}");
        assert_eq!(text.decode(&ids).unwrap(), "<|endoftext|> <|endoftext|>");
        let example = text.example("<|endoftext|>", "a <|endoftext|>").unwrap();
        let ends: Vec<usize> = (0..example.ids.len())
            .filter(|at| example.ids[*at] == text.end)
            .collect();
        assert_eq!(ends, [example.ids.len() - 1]);

        let files = train_word_piece(&texts(), 400).unwrap();
        let text = ClassifierText::new(&files, vocabulary_of(&files).unwrap(), 64).unwrap();
        let controls = |ids: &[u32]| ids.iter().filter(|id| **id < 5 && **id != 1).count();
        for typed in ["[SEP]", "[CLS] a [MASK] b [PAD]", "a[SEP]b"] {
            let pair = text.pair(typed, typed).unwrap();
            assert_eq!(controls(&pair.ids), 3, "{typed}: {:?}", pair.ids);
        }
    }

    #[test]
    fn control_tokens_listed_as_plain_added_words_are_text_too() {
        let mut files = train_bpe(texts().into_iter(), 400).unwrap();
        let json = String::from_utf8(files["tokenizer.json"].clone()).unwrap();
        let mut json: serde_json::Value = serde_json::from_str(&json).unwrap();
        json["added_tokens"][0]["special"] = false.into();
        files.insert("tokenizer.json".to_owned(), json.to_string().into_bytes());
        let rows = vocabulary_of(&files).unwrap();
        let text = GeneratorText::new(&files, rows, Template::default()).unwrap();
        assert!(
            !text
                .encode("a <|endoftext|> b")
                .unwrap()
                .contains(&text.end)
        );
    }

    #[test]
    fn every_prompt_has_exactly_one_separator() {
        let text = generator(64);
        let count = |ids: &[u32]| {
            let separator = &text.separator;
            ids.windows(separator.len())
                .filter(|window| *window == separator.as_slice())
                .count()
        };
        for typed in [
            "",
            "the cat",
            "[SEP]",
            " [SEP]",
            "a [SEP] b [SEP] c",
            "[SEP][SEP][SEP]",
            "[[SEP]SEP]",
            " [SEP",
            "\n[SEP]\n",
            "  [SEP]  ",
            "[ SEP]",
        ] {
            assert_eq!(count(&text.prompt(typed, 8).unwrap().ids), 1, "{typed:?}");
            let example = text.example(typed, typed).unwrap();
            assert_eq!(count(&example.ids), 1, "{typed:?}");
            assert_eq!(
                text.whole_prompt(typed).unwrap(),
                text.prompt(typed, 8).unwrap().ids
            );
        }
        // the ids of a text as it is are unchanged
        assert_eq!(count(&text.encode("a [SEP] b").unwrap()), 1);
    }

    #[test]
    fn separator_rule_holds_for_any_separator() {
        for separator in [
            " [SEP]", "|", "\n\n", "abab", " ### ", "<sep>", "##", "aa", "\t",
        ] {
            let core = match separator.trim() {
                "" => separator,
                core => core,
            };
            for text in [
                format!("x{core}y"),
                core.repeat(5),
                format!("a{core}a{core}{core}"),
                format!("{core}{}", &core[1..]),
                "abababababa".to_owned(),
                "plain".to_owned(),
            ] {
                let out = neutralize(&text, separator);
                assert!(!out.contains(core), "{separator:?} {text:?} {out:?}");
                assert!(text.contains(core) || out == text);
            }
        }
        // a separator that is a single space cannot be distinguished from text
        assert_eq!(neutralize("a b", " "), "a b");
        assert_eq!(neutralize("a b", ""), "a b");
    }

    #[test]
    fn example_is_the_whole_text_and_the_end_token() {
        let text = generator(64);
        for (comment, reply) in [
            ("the cat sat", "and barked"),
            ("", "x"),
            ("x ", " y"),
            ("x\n", "\ny"),
        ] {
            let example = text.example(comment, reply).unwrap();
            let mut whole = text.encode(&format!("{comment} [SEP] {reply}")).unwrap();
            whole.push(text.end);
            assert_eq!(example.ids, whole, "{comment:?} {reply:?}");
            assert_eq!(
                example.ids[..example.prompt],
                text.prompt(comment, 32).unwrap().ids
            );
        }
    }

    #[test]
    fn overlong_example_truncates_the_comment_first_then_the_reply() {
        let text = generator(32);
        let long = "the cat sat on the mat ".repeat(20);
        let short = text.example(&long, "and barked").unwrap();
        assert_eq!(short.ids.len(), 32);
        assert_eq!(short.ids.last(), Some(&text.end));
        assert!(short.prompt > 16);
        let both = text.example(&long, &long).unwrap();
        assert_eq!((both.ids.len(), both.prompt), (32, 16));
        assert_ne!(both.ids.last(), Some(&text.end));
        let reply = text.example("the cat", &long).unwrap();
        assert_eq!(
            reply.ids[..reply.prompt],
            text.prompt("the cat", 1).unwrap().ids
        );
    }

    #[test]
    fn a_tokenizer_of_another_model_is_refused() {
        let files = train_bpe(texts().into_iter(), 400).unwrap();
        let rows = vocabulary_of(&files).unwrap();
        let error = GeneratorText::new(&files, rows - 1, Template::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains("does not match"), "{error}");
        assert!(GeneratorText::new(&files, 50257, Template::default()).is_err());
        assert!(
            ClassifierText::new(&files, rows, 64)
                .unwrap_err()
                .to_string()
                .contains("pairs")
        );
        assert!(
            open_tokenizer(&Files::new())
                .unwrap_err()
                .to_string()
                .contains("vocab.txt")
        );
    }

    #[test]
    fn word_piece_encodes_pairs_and_truncates_the_longer() {
        let files = train_word_piece(&texts(), 400).unwrap();
        let text = ClassifierText::new(&files, vocabulary_of(&files).unwrap(), 12).unwrap();
        let long = "the cat sat on the mat ".repeat(20);
        let pair = text.pair(&long, "the dog").unwrap();
        assert_eq!(pair.ids.len(), 12);
        assert_eq!(pair.types, [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]);
        // the same from a bare vocab.txt
        let vocab = open_tokenizer(&files).unwrap().get_vocab(true);
        let mut tokens: Vec<_> = vocab.into_iter().map(|(token, id)| (id, token)).collect();
        tokens.sort_unstable();
        let list: Vec<_> = tokens.into_iter().map(|(_, token)| token).collect();
        let bare = Files::from([("vocab.txt".to_owned(), list.join("\n").into_bytes())]);
        let bare = ClassifierText::new(&bare, list.len(), 12).unwrap();
        assert_eq!(bare.pair(&long, "The DOG").unwrap(), pair);
    }
}

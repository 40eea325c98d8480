//! Hugging Face model folders: reads and writes named tensors.
//!
//! Tensors keep the names and layouts of the checkpoint (GPT-2's `(in, out)` matrices too), so nothing is renamed or
//! transposed. The only aliases are those of older files: LayerNorm's `gamma`/`beta`, and the prefixes `transformer.`
//! and `bert.`, which some files have and others lack; and what other programs wrap a model in (`WRAPPERS`, `OUTER`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor, Var};
use serde::Deserialize;

use crate::rng::Stream;
use crate::{Error, Result};

/// Named tensors in sorted order, so that every loop over them is reproducible.
pub type Tensors = BTreeMap<String, Tensor>;

/// Trainable parameters in sorted order.
pub type Vars = BTreeMap<String, Var>;

/// Where a model gets its parameters from, below a prefix of their names. A model declares each parameter once, by
/// [`Scope::get`] where it is built. Building on tensors gives the model; recording gives the list of parameters, by
/// which checkpoints are compared, loaded and initialized, and parameters counted.
#[derive(Clone)]
pub struct Scope<'a> {
    source: Source<'a>,
    prefix: String,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Tensors(&'a Tensors),
    Record(&'a RefCell<Vec<Spec>>),
}

impl<'a> From<&'a Tensors> for Scope<'a> {
    fn from(tensors: &'a Tensors) -> Self {
        let (source, prefix) = (Source::Tensors(tensors), String::new());
        Self { source, prefix }
    }
}

impl Scope<'_> {
    /// Those below `name`.
    pub fn pp(&self, name: impl std::fmt::Display) -> Self {
        let (source, prefix) = (self.source, format!("{}{name}.", self.prefix));
        Self { source, prefix }
    }

    /// The parameter `name`; `init` says how it begins when no checkpoint has it.
    ///
    /// # Errors
    /// If it is missing or has another shape.
    pub fn get(&self, name: &str, shape: &[usize], init: Init) -> Result<Tensor> {
        let name = format!("{}{name}", self.prefix);
        match self.source {
            Source::Tensors(tensors) => match tensors.get(&name) {
                Some(tensor) if tensor.dims() == shape => Ok(tensor.clone()),
                Some(tensor) => Err(Error::Misshapen {
                    name,
                    file: tensor.dims().to_vec(),
                    config: shape.to_vec(),
                }),
                None => Err(Error::MissingTensor(name)),
            },
            Source::Record(specs) => {
                let shape = shape.to_vec();
                // one zero that pretends to have the shape: nothing is allocated for a model that is only listed
                let zero = Tensor::zeros((), DType::F32, &Device::Cpu)?;
                let tensor = zero.broadcast_as(shape.as_slice())?;
                specs.borrow_mut().push(Spec { name, shape, init });
                Ok(tensor)
            }
        }
    }
}

/// All parameters of a model in the order of their declaration, and how checkpoints name them.
#[derive(Debug, Clone)]
pub struct Parameters {
    pub specs: Vec<Spec>,
    names: Names,
}

/// How the checkpoints of a kind of model name its tensors.
#[derive(Debug, Clone)]
pub struct Names {
    /// Of most names; older files leave it out.
    pub prefix: &'static str,
    /// Of the names in numbered blocks.
    pub blocks: &'static str,
    /// The field of config.json with the number of blocks, and this number.
    pub layers: (&'static str, usize),
    /// What a checkpoint may lack or have in another shape: it is initialized then.
    pub heads: &'static [&'static str],
    /// What files have in addition and the model does not need.
    pub ignored: &'static [&'static str],
}

impl Parameters {
    /// The parameters that `build` declares.
    ///
    /// # Errors
    /// Those of `build`.
    pub fn record<M>(names: Names, build: impl FnOnce(Scope<'_>) -> Result<M>) -> Result<Self> {
        let specs = RefCell::new(Vec::new());
        build(Scope {
            source: Source::Record(&specs),
            prefix: String::new(),
        })?;
        let specs = specs.into_inner();
        Ok(Self { specs, names })
    }

    /// Their number (of elements, not of tensors).
    pub fn count(&self) -> usize {
        let sizes = self.specs.iter().map(|s| s.shape.iter().product::<usize>());
        sizes.sum()
    }

    /// Random tensors: see [`init`].
    pub fn init(&self, seed: u64, device: &Device) -> Result<Tensors> {
        init(&self.specs, seed, device)
    }

    /// Selects those of a checkpoint's tensors that the model needs, before any of them is read.
    ///
    /// # Errors
    /// If the files do not list one that the model needs, or with another shape.
    pub fn plan(&self, listed: Vec<Listed>) -> Result<Plan> {
        let listed = listed.into_iter().map(|one| (one.name.clone(), one));
        plan(self.named(listed)?, &self.specs, self.names.heads)
    }

    /// Turns a checkpoint's tensors into those of the model, on `device` in float32. What the checkpoint may lack is
    /// initialized from `seed`.
    ///
    /// # Errors
    /// Names a tensor that is missing or has the wrong shape.
    pub fn load_into(
        &self,
        found: Tensors,
        seed: u64,
        device: &Device,
    ) -> Result<(Tensors, LoadReport)> {
        let found = self.named(found)?;
        load_into(found, &self.specs, self.names.heads, seed, device)
    }

    /// The tensors of a checkpoint under their current names, without the ignored ones.
    fn named<T>(
        &self,
        found: impl IntoIterator<Item = (String, T)>,
    ) -> Result<BTreeMap<String, T>> {
        let Names {
            prefix,
            blocks,
            layers: (field, layers),
            heads,
            ignored,
        } = self.names;
        let tops = [heads, ignored].concat(); // outside the prefix
        let mut found = canonical_names(found, prefix, &tops)?;
        found.retain(|name, _| !ignored.iter().any(|one| name.starts_with(one)));
        check_layers(&found, blocks, field, layers)?;
        Ok(found)
    }
}

/// One tensor that a model needs, and its initialization.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// Hugging Face name.
    pub name: String,
    pub shape: Vec<usize>,
    pub init: Init,
}

/// How a tensor is initialized.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// Normal with this standard deviation.
    Normal(f64),
    /// A constant.
    Const(f32),
}

/// Random weights, from the stream `init` of the seed; each tensor has its own stream, so that its values
/// do not depend on the other tensors.
fn init(specs: &[Spec], seed: u64, device: &Device) -> Result<Tensors> {
    specs.iter().map(|s| init_one(s, seed, device)).collect()
}

fn init_one(spec: &Spec, seed: u64, device: &Device) -> Result<(String, Tensor)> {
    let count = spec.shape.iter().product();
    let values = match spec.init {
        Init::Const(value) => vec![value; count],
        Init::Normal(std) => {
            let mut stream = Stream::new(seed, &format!("init {}", spec.name));
            (0..count)
                .map(|_| (stream.next_normal() * std) as f32)
                .collect()
        }
    };
    let tensor = Tensor::from_vec(values, spec.shape.as_slice(), device)?;
    Ok((spec.name.clone(), tensor))
}

/// The outcome of loading a checkpoint into a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Tensors that the checkpoint lacked and that were initialized (a new classifier head).
    pub fresh: Vec<String>,
    /// Tensors of the checkpoint that the model does not use.
    pub unused: Vec<String>,
}

/// Turns a checkpoint's tensors into those that a model needs, as float32 on `device`. Tensors whose name starts with
/// one of `heads` may be missing or have another shape: they are initialized from `seed`.
///
/// # Errors
/// Names the first other tensor that is missing or has the wrong shape.
fn load_into(
    mut found: Tensors,
    specs: &[Spec],
    heads: &[&str],
    seed: u64,
    device: &Device,
) -> Result<(Tensors, LoadReport)> {
    let mut report = LoadReport::default();
    let mut loaded = Tensors::new();
    for spec in specs {
        let is_head = heads.iter().any(|head| spec.name.starts_with(head));
        match found.remove(&spec.name) {
            Some(tensor) if tensor.dims() == spec.shape => {
                let tensor = tensor.to_device(device)?.to_dtype(DType::F32)?;
                loaded.insert(spec.name.clone(), tensor);
            }
            Some(tensor) if !is_head => {
                return Err(Error::Misshapen {
                    name: spec.name.clone(),
                    file: tensor.dims().to_vec(),
                    config: spec.shape.clone(),
                });
            }
            None if !is_head => return Err(Error::MissingTensor(spec.name.clone())),
            _ => {
                report.fresh.push(spec.name.clone());
                loaded.extend([init_one(spec, seed, device)?]);
            }
        }
    }
    report.unused = found.into_keys().collect();
    Ok((loaded, report))
}

/// Gives tensors the names of current checkpoints (see [`canonical_name`]) and drops masks and positions.
///
/// # Errors
/// If two tensors have the same name then, or one is of an adapter.
fn canonical_names<T>(
    found: impl IntoIterator<Item = (String, T)>,
    prefix: &str,
    tops: &[&str],
) -> Result<BTreeMap<String, T>> {
    let mut named: BTreeMap<String, (String, T)> = BTreeMap::new();
    for (name, tensor) in found {
        if name.split('.').any(|part| part.starts_with("lora_")) {
            return Err(Error::Adapter(format!("tensor '{name}'")));
        }
        let parameter = canonical_name(&name, prefix, tops);
        if is_buffer(&parameter) {
            continue;
        }
        if let Some((first, _)) = named.get(&parameter) {
            return Err(Error::Twice {
                first: first.clone(),
                second: name,
                parameter,
            });
        }
        named.insert(parameter, (name, tensor));
    }
    let named = named.into_iter();
    Ok(named.map(|(name, (_, tensor))| (name, tensor)).collect())
}

/// What wraps modules anywhere in a model, and adds a part to the names within them: DistributedDataParallel,
/// torch.compile, FullyShardedDataParallel, activation checkpointing.
const WRAPPERS: [&str; 4] = [
    "module",
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
];

/// What contains a whole model: a module of Lightning or of one's own, PEFT (`base_model.model.`).
const OUTER: [&str; 2] = ["model", "base_model"];

/// The name of a tensor in current checkpoints: without [`WRAPPERS`] and [`OUTER`]; `gamma`/`beta` become
/// `weight`/`bias`, and `prefix` ("transformer.", "bert.") is added to a name that belongs below it but lacks it.
/// `tops` are the names outside the prefix ("classifier.", "lm_head.").
fn canonical_name(name: &str, prefix: &str, tops: &[&str]) -> String {
    let mut parts: Vec<&str> = name.split('.').collect();
    let leaf = parts.pop().unwrap_or_default();
    parts.retain(|part| !WRAPPERS.contains(part));
    let outer = parts
        .iter()
        .take_while(|part| OUTER.contains(*part))
        .count();
    parts.drain(..outer);
    parts.push(match leaf {
        "gamma" => "weight",
        "beta" => "bias",
        leaf => leaf,
    });
    let name = parts.join(".");
    match name.starts_with(prefix) || tops.iter().any(|top| name.starts_with(top)) {
        true => name,
        false => format!("{prefix}{name}"),
    }
}

/// The safetensors files of a model folder: `model.safetensors`, or the shards that `model.safetensors.index.json`
/// lists.
///
/// # Errors
/// Says what is missing; a folder with pickled weights only is refused, with advice.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let fail = |path: &Path, why: &str| Error::File {
        path: path.display().to_string(),
        why: why.into(),
    };
    let single = folder.join("model.safetensors");
    if single.is_file() {
        return Ok(vec![single]);
    }
    let index = folder.join("model.safetensors.index.json");
    if index.is_file() {
        let size = index.metadata().map_or(0, |about| about.len());
        if size > LONGEST_HEADER {
            return Err(fail(
                &index,
                &format!("has {} MB, which no index has", size >> 20),
            ));
        }
        let text = std::fs::read_to_string(&index).map_err(|e| fail(&index, &e.to_string()))?;
        let json: serde_json::Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|e| fail(&index, &format!("not JSON: {e}")))?;
        let map = json["weight_map"]
            .as_object()
            .ok_or_else(|| fail(&index, "has no 'weight_map' object"))?;
        let names: std::collections::BTreeSet<_> =
            map.values().filter_map(|v| v.as_str()).collect();
        return names
            .into_iter()
            .map(|name| {
                // A shard's name is untrusted: it must not lead out of the folder.
                let plain = Path::new(name).file_name().is_some_and(|f| f == name);
                let path = folder.join(name);
                match plain && path.is_file() {
                    true => Ok(path),
                    false => Err(fail(&path, "the index names this shard, but it is missing")),
                }
            })
            .collect();
    }
    if folder.join("pytorch_model.bin").is_file() {
        return Err(fail(
            folder,
            "has only pickled weights (pytorch_model.bin), which can carry code and are not read; convert them to model.safetensors with transformers' save_pretrained",
        ));
    }
    Err(fail(folder, "has no model.safetensors"))
}

/// Buffers of older files that are not weights: causal masks and positions, of any type.
fn is_buffer(name: &str) -> bool {
    [".attn.bias", ".attn.masked_bias", ".position_ids"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// Maximum size of a file's tensor list in bytes; that of a model with a thousand layers is smaller.
const LONGEST_HEADER: u64 = 16 << 20;
/// Maximum number of files of a model, and of tensors in all of them.
const MOST_FILES: usize = 1_000;
const MOST_TENSORS: usize = 100_000;
/// Maximum number of dimensions.
const MOST_DIMENSIONS: usize = 8;

/// A tensor of a file, before its values are read.
#[derive(Debug, Clone)]
pub struct Listed {
    pub name: String,
    pub shape: Vec<usize>,
    dtype: safetensors::Dtype,
    file: PathBuf,
    at: u64,
    bytes: u64,
}

/// Lists the tensors of the files, without masks and positions, and reads none of them.
///
/// # Errors
/// Names the file that cannot be read, whose list is invalid, or that does not contain what it lists.
pub fn list(files: &[PathBuf]) -> Result<Vec<Listed>> {
    let mut listed = Vec::new();
    for file in files {
        let fail = |why: String| Error::File {
            path: file.display().to_string(),
            why,
        };
        let whole =
            |e: &dyn std::fmt::Display| fail(format!("not a complete safetensors file: {e}"));
        if files.len() > MOST_FILES {
            return Err(fail(format!(
                "is one of {} files of one model",
                files.len()
            )));
        }
        let io = |e: std::io::Error| fail(e.to_string());
        let mut from = std::fs::File::open(file).map_err(io)?;
        let length = from.metadata().map_err(io)?.len();
        let mut start = Vec::new();
        let mut begin = std::io::Read::take(&mut from, 32);
        std::io::Read::read_to_end(&mut begin, &mut start).map_err(io)?;
        if start.starts_with(b"version https://git-lfs") {
            return Err(fail(
                "is a Git LFS pointer, not the weights themselves; `git lfs pull` in its folder gets them".into(),
            ));
        }
        let Some(header) = start.first_chunk().map(|n| u64::from_le_bytes(*n)) else {
            return Err(whole(&format!("it has {length} bytes")));
        };
        if header > LONGEST_HEADER {
            return Err(whole(&format!(
                "its list of tensors would have {header} bytes"
            )));
        }
        if header + 8 > length {
            return Err(whole(&"it ends within its list of tensors"));
        }
        let mut json = vec![0; header as usize];
        std::io::Seek::seek(&mut from, std::io::SeekFrom::Start(8)).map_err(io)?;
        std::io::Read::read_exact(&mut from, &mut json).map_err(io)?;
        let found: safetensors::tensor::Metadata =
            serde_json::from_slice(&json).map_err(|e| whole(&e))?;
        drop(json);
        let mut tensors: Vec<_> = found.tensors().into_iter().collect();
        tensors.sort_by_key(|(_, info)| info.data_offsets);
        if listed.len() + tensors.len() > MOST_TENSORS {
            return Err(whole(&format!("it lists {} tensors", tensors.len())));
        }
        let mut end = 0;
        for (name, info) in tensors {
            let (begin, stop) = info.data_offsets;
            let numbers = info
                .shape
                .iter()
                .try_fold(1usize, |n, side| n.checked_mul(*side))
                .and_then(|n| n.checked_mul(info.dtype.bitsize()));
            if begin < end || stop < begin || stop as u64 > length - 8 - header {
                return Err(whole(&format!(
                    "tensor '{name}' does not lie in a place of its own in the file"
                )));
            }
            if info.shape.len() > MOST_DIMENSIONS || numbers != Some((stop - begin) * 8) {
                return Err(whole(&format!(
                    "tensor '{name}' has {} bytes, which is not its shape",
                    stop - begin
                )));
            }
            end = stop;
            if !is_buffer(&name) {
                listed.push(Listed {
                    name,
                    shape: info.shape.clone(),
                    dtype: info.dtype,
                    file: file.clone(),
                    at: 8 + header + begin as u64,
                    bytes: (stop - begin) as u64,
                });
            }
        }
    }
    Ok(listed)
}

/// Reads these tensors onto the CPU, in the files' dtypes, one after the other.
///
/// # Errors
/// Names the file that cannot be read, or the tensor of unknown type.
pub fn load(listed: &[Listed]) -> Result<Tensors> {
    let mut tensors = Tensors::new();
    let mut open: Option<(PathBuf, std::fs::File)> = None;
    for one in listed {
        let fail = |why: String| Error::File {
            path: one.file.display().to_string(),
            why,
        };
        let io = |e: std::io::Error| fail(e.to_string());
        if open.as_ref().is_none_or(|(path, _)| *path != one.file) {
            let file = std::fs::File::open(&one.file).map_err(io)?;
            open = Some((one.file.clone(), file));
        }
        let Some((_, file)) = &mut open else { continue };
        let mut bytes = vec![0; one.bytes as usize];
        std::io::Seek::seek(file, std::io::SeekFrom::Start(one.at)).map_err(io)?;
        std::io::Read::read_exact(file, &mut bytes).map_err(io)?;
        let view = safetensors::tensor::TensorView::new(one.dtype, one.shape.clone(), &bytes)
            .map_err(|e| fail(format!("tensor '{}': {e}", one.name)))?;
        let tensor = candle_core::safetensors::Load::load(&view, &Device::Cpu).map_err(|e| {
            fail(format!(
                "tensor '{}' of type {:?}: {e}",
                one.name, one.dtype
            ))
        })?;
        tensors.insert(one.name.clone(), tensor);
    }
    Ok(tensors)
}

/// Reads every tensor of the files onto the CPU, in the files' dtypes, without masks and positions.
///
/// # Errors
/// As [`list`] and [`load`].
pub fn read(files: &[PathBuf]) -> Result<Tensors> {
    load(&list(files)?)
}

/// Which tensors of a checkpoint a model uses.
#[derive(Debug, Default)]
pub struct Plan {
    pub taken: Vec<Listed>,
    pub unused: Vec<String>,
}

/// Compares the listed tensors with what a model needs, before any of them is read.
///
/// # Errors
/// If a tensor is missing or has another shape, unless its name begins with one of `heads`.
fn plan(mut listed: BTreeMap<String, Listed>, specs: &[Spec], heads: &[&str]) -> Result<Plan> {
    let mut plan = Plan::default();
    for spec in specs {
        let is_head = heads.iter().any(|head| spec.name.starts_with(head));
        match listed.remove(&spec.name) {
            Some(one) if one.shape == spec.shape => plan.taken.push(one),
            Some(one) if !is_head => {
                return Err(Error::Misshapen {
                    name: spec.name.clone(),
                    file: one.shape,
                    config: spec.shape.clone(),
                });
            }
            None if !is_head => return Err(Error::MissingTensor(spec.name.clone())),
            _ => {}
        }
    }
    plan.unused = listed.into_keys().collect();
    // in the order of the files
    plan.taken
        .sort_by(|a, b| (&a.file, a.at).cmp(&(&b.file, b.at)));
    Ok(plan)
}

/// Refuses weights that are not numbers: such a model is useless.
///
/// # Errors
/// [`Error::NotWeights`] with the tensor's name.
pub fn check_finite(tensors: &Tensors) -> Result<()> {
    for (name, tensor) in tensors {
        // Zero times any number is zero; zero times NaN or infinity is NaN.
        let zeros = (tensor.to_dtype(DType::F32)? * 0.)?;
        if zeros.sum_all()?.to_scalar::<f32>()? != 0. {
            return Err(Error::NotWeights(name.clone()));
        }
    }
    Ok(())
}

/// Refuses a number of layers other than the file's, before anything is allocated for them: with fewer, the model would
/// be cut off in the middle.
///
/// # Errors
/// [`Error::Config`].
fn check_layers<T>(
    found: &BTreeMap<String, T>,
    prefix: &str,
    field: &str,
    layers: usize,
) -> Result<()> {
    let there = found
        .keys()
        .filter_map(|name| {
            name.strip_prefix(prefix)?
                .split('.')
                .next()?
                .parse::<usize>()
                .ok()
        })
        .collect::<std::collections::BTreeSet<_>>()
        .len();
    match layers == there {
        true => Ok(()),
        false => Err(Error::Config(format!(
            "{field} is {layers}, but the checkpoint has {there} layers"
        ))),
    }
}

/// The defaults of config.json for every dropout, and for the standard deviation of the initial weights.
pub(crate) fn tenth() -> f64 {
    0.1
}
pub(crate) fn range() -> f64 {
    0.02
}

/// Refuses a width that the heads cannot share.
///
/// # Errors
/// [`Error::Config`] with both fields.
pub fn check_heads((width, c): (&str, usize), (field, heads): (&str, usize)) -> Result<()> {
    match heads > 0 && c.is_multiple_of(heads) {
        true => Ok(()),
        false => Err(Error::Config(format!(
            "{width} {c} is not a multiple of {field} {heads}"
        ))),
    }
}

/// A whole number; some programs write 12 as 12.0.
pub(crate) fn whole<'de, D, T>(from: D) -> std::result::Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: TryFrom<u64>,
{
    whole_of(&serde_json::Number::deserialize(from)?)
}

/// As [`whole`]; `None` for null.
pub(crate) fn whole_or_null<'de, D, T>(from: D) -> std::result::Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: TryFrom<u64>,
{
    let number = Option::<serde_json::Number>::deserialize(from)?;
    number.as_ref().map(whole_of).transpose()
}

/// Up to here, every whole number is a float.
const WHOLE_FLOATS: RangeInclusive<f64> = 0.0..=9_007_199_254_740_992.0; // 2^53

fn whole_of<T: TryFrom<u64>, E: serde::de::Error>(
    number: &serde_json::Number,
) -> std::result::Result<T, E> {
    let float = || {
        let float = number.as_f64()?;
        (float.fract() == 0.0 && WHOLE_FLOATS.contains(&float)).then_some(float as u64)
    };
    let whole = number.as_u64().or_else(float);
    whole
        .and_then(|whole| T::try_from(whole).ok())
        .ok_or_else(|| E::custom(format!("{number} is not a whole number, or too large")))
}

/// Refuses dropout probabilities outside of the range of a run's own setting.
///
/// # Errors
/// [`Error::Config`] with the field.
pub fn check_dropouts(dropouts: &[(&str, f64)]) -> Result<()> {
    (dropouts.iter()).try_for_each(|&(field, p)| check_ranges(&[(field, p, 0.0..=0.9)]))
}

/// Refuses what LayerNorm cannot add to a variance, in float32.
///
/// # Errors
/// [`Error::Config`] with the field.
pub fn check_epsilon(field: &str, epsilon: f64) -> Result<()> {
    check_ranges(&[(field, epsilon, 1e-20..=0.1)])
}

/// Refuses standard deviations of initial weights that no model has.
///
/// # Errors
/// [`Error::Config`] with the field.
pub fn check_spread(field: &str, deviation: f64) -> Result<()> {
    check_ranges(&[(field, deviation, 0.0..=1.0)])
}

/// Refuses numbers that no model has, before anything is allocated.
///
/// # Errors
/// [`Error::Config`] with the field.
pub fn check_ranges<T>(numbers: &[(&str, T, RangeInclusive<T>)]) -> Result<()>
where
    T: PartialOrd + std::fmt::Debug,
{
    match (numbers.iter()).find(|(_, number, range)| !range.contains(number)) {
        None => Ok(()),
        Some((field, number, range)) => Err(Error::Config(format!(
            "{field} is {number:?}; it must be between {:?} and {:?}",
            range.start(),
            range.end()
        ))),
    }
}

/// Refuses a value that is not implemented; a field that is absent or null has its default, which is.
///
/// # Errors
/// [`Error::Config`] with the field.
pub fn check_field(
    config: &serde_json::Map<String, serde_json::Value>,
    field: &str,
    supported: &[&str],
) -> Result<()> {
    let value = match config.get(field) {
        None | Some(serde_json::Value::Null) => return Ok(()),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    match supported.contains(&value.as_str()) {
        true => Ok(()),
        false => Err(Error::Config(format!(
            "{field} = {value} is not supported, only {}",
            supported.join(" and ")
        ))),
    }
}

/// Reads tensors from the bytes of a safetensors file.
///
/// # Errors
/// If the bytes are not a complete safetensors file.
pub fn from_bytes(bytes: &[u8]) -> Result<Tensors> {
    Ok(candle_core::safetensors::load_buffer(bytes, &Device::Cpu)?
        .into_iter()
        .collect())
}

/// The temporary file of [`write`], renamed when complete.
pub fn partial(path: &Path) -> PathBuf {
    path.with_extension("safetensors.part")
}

/// Writes `model.safetensors` atomically.
///
/// # Errors
/// If the file cannot be written; a partial one is removed.
pub fn write(tensors: &Tensors, path: &Path) -> Result<()> {
    let fail = |e: String| Error::File {
        path: path.display().to_string(),
        why: e,
    };
    let partial = partial(path);
    let metadata = Some([("format".to_string(), "pt".to_string())].into());
    let contiguous = tensors
        .iter()
        .map(|(name, t)| Ok((name.clone(), t.contiguous()?)))
        .collect::<Result<Vec<_>>>()?;
    safetensors::serialize_to_file(contiguous, metadata, &partial)
        .map_err(|e| e.to_string())
        .and_then(|()| std::fs::rename(&partial, path).map_err(|e| e.to_string()))
        .map_err(|e| {
            std::fs::remove_file(&partial).ok();
            fail(e)
        })
}

/// The tensors in another type: half precision for inference on a GPU, whose sums stay in float32 (`ops`).
pub fn cast(tensors: &Tensors, dtype: DType) -> Result<Tensors> {
    tensors
        .iter()
        .map(|(name, t)| Ok((name.clone(), t.to_dtype(dtype)?)))
        .collect()
}

/// Makes each tensor a trainable parameter.
pub fn trainable(tensors: &Tensors) -> Result<Vars> {
    tensors
        .iter()
        .map(|(name, t)| Ok((name.clone(), Var::from_tensor(t)?)))
        .collect()
}

/// The parameters as plain tensors that share their storage. A model built on `tracked` tensors can be trained; one
/// built on the others sees every update but builds no graph.
pub fn view(vars: &Vars, tracked: bool) -> Tensors {
    vars.iter()
        .map(|(name, var)| {
            let tensor = match tracked {
                true => var.as_tensor().clone(),
                false => var.as_detached_tensor(),
            };
            (name.clone(), tensor)
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize]) -> Tensor {
        Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap()
    }

    #[test]
    fn legacy_names_become_current_ones() {
        let old = Tensors::from([
            ("h.0.ln_1.gamma".to_string(), tensor(&[1])),
            ("transformer.wte.weight".to_string(), tensor(&[1])),
            ("lm_head.weight".to_string(), tensor(&[1])),
            (
                "module._orig_mod.transformer.ln_f.weight".to_string(),
                tensor(&[1]),
            ),
        ]);
        let names: Vec<_> = canonical_names(old, "transformer.", &["lm_head."])
            .unwrap()
            .into_keys()
            .collect();
        assert_eq!(
            names,
            [
                "lm_head.weight",
                "transformer.h.0.ln_1.weight",
                "transformer.ln_f.weight",
                "transformer.wte.weight"
            ]
        );
    }

    #[test]
    fn wrappers_of_a_model_are_no_part_of_its_names() {
        for outer in [
            "",
            "model.",
            "base_model.model.",
            "_fsdp_wrapped_module.",
            "module._orig_mod.",
            "_orig_mod.module.model.",
            "model._fsdp_wrapped_module.",
        ] {
            for (inner, name) in [
                ("wte.weight", "transformer.wte.weight"),
                ("transformer.wte.weight", "transformer.wte.weight"),
                (
                    "h.0._fsdp_wrapped_module.ln_1.gamma",
                    "transformer.h.0.ln_1.weight",
                ),
                (
                    "transformer.h.1._checkpoint_wrapped_module._fsdp_wrapped_module.mlp.c_fc.bias",
                    "transformer.h.1.mlp.c_fc.bias",
                ),
                ("lm_head.weight", "lm_head.weight"),
            ] {
                let found =
                    canonical_name(&format!("{outer}{inner}"), "transformer.", &["lm_head."]);
                assert_eq!(found, name, "{outer}{inner}");
            }
        }
        // a mask is one wherever it is wrapped
        let mask = [("h.0.attn._orig_mod.bias".to_string(), ())];
        assert!(
            canonical_names(mask, "transformer.", &[])
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn two_tensors_for_one_parameter_are_refused() {
        let config = crate::gpt2::Config::new(50, 32, 16, 2, 2);
        let parameters = config.parameters().unwrap();
        let mut found = parameters.init(1, &Device::Cpu).unwrap();
        let load = |found: &Tensors| parameters.load_into(found.clone(), 1, &Device::Cpu);
        assert!(load(&found).is_ok());
        let one = found["transformer.wte.weight"].clone();
        found.insert("module.wte.weight".into(), one);
        assert_eq!(
            load(&found).unwrap_err().to_string(),
            "the checkpoint has two tensors for 'transformer.wte.weight': 'module.wte.weight' and \
             'transformer.wte.weight'; keep the right one"
        );
    }

    #[test]
    fn adapter_is_refused_with_what_to_do() {
        for name in [
            "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight",
            "bert.encoder.layer.0.attention.self.query.lora_B.default.weight",
            "base_model.model.transformer.wte.lora_embedding_A",
        ] {
            let found = [(name.to_string(), ())];
            let error = canonical_names(found, "transformer.", &[])
                .unwrap_err()
                .to_string();
            assert!(error.contains(name) && error.contains("merge"), "{error}");
        }
    }

    #[test]
    fn loading_names_missing_misshapen_initialized_and_unused_tensors() {
        let spec = |name: &str, n| Spec {
            name: name.into(),
            shape: vec![n],
            init: Init::Normal(0.02),
        };
        let specs = [spec("a", 2), spec("classifier.weight", 3)];
        let found = || {
            Tensors::from([
                ("a".to_string(), tensor(&[2])),
                ("x".to_string(), tensor(&[1])),
            ])
        };
        let (loaded, report) =
            load_into(found(), &specs, &["classifier."], 1, &Device::Cpu).unwrap();
        assert_eq!(loaded["classifier.weight"].dims(), [3]);
        assert_eq!(report.fresh, ["classifier.weight"]);
        assert_eq!(report.unused, ["x"]);
        let missing = load_into(found(), &specs, &[], 1, &Device::Cpu).unwrap_err();
        assert!(missing.to_string().contains("'classifier.weight'"));
        let misshapen = load_into(found(), &[spec("a", 5)], &[], 1, &Device::Cpu).unwrap_err();
        assert_eq!(
            misshapen.to_string(),
            "tensor 'a': the file has [2], config.json has [5]"
        );
    }

    #[test]
    fn parameter_is_declared_once_and_recorded_initialized_and_looked_up_by_it() {
        fn build(p: Scope<'_>) -> Result<(Tensor, Tensor)> {
            let p = p.pp("h").pp(3);
            Ok((
                p.get("weight", &[2, 1 << 40], Init::Normal(0.02))?,
                p.get("bias", &[2], Init::Const(0.5))?,
            ))
        }
        let names = Names {
            prefix: "",
            blocks: "h.",
            layers: ("n_layer", 0),
            heads: &[],
            ignored: &[],
        };
        let parameters = Parameters::record(names, build).unwrap();
        assert_eq!(parameters.count(), (2 << 40) + 2);
        let specs = parameters.specs;
        let spec = |name: &str, shape: &[usize], init| Spec {
            name: name.into(),
            shape: shape.to_vec(),
            init,
        };
        assert_eq!(
            specs,
            [
                spec("h.3.weight", &[2, 1 << 40], Init::Normal(0.02)),
                spec("h.3.bias", &[2], Init::Const(0.5))
            ]
        );
        let tensors = init(&specs[1..], 1, &Device::Cpu).unwrap();
        let bias = |shape: &[usize]| {
            let p = Scope::from(&tensors).pp("h").pp(3);
            p.get("bias", shape, Init::Const(0.))
        };
        assert_eq!(bias(&[2]).unwrap().to_vec1::<f32>().unwrap(), [0.5, 0.5]);
        assert_eq!(
            bias(&[3]).unwrap_err().to_string(),
            "tensor 'h.3.bias': the file has [2], config.json has [3]"
        );
        let missing = build((&tensors).into()).unwrap_err();
        assert!(missing.to_string().contains("'h.3.weight'"), "{missing}");
    }

    #[test]
    fn nan_weights_and_missing_layers_are_refused() {
        let bad = Tensor::new(&[1f32, f32::NAN], &Device::Cpu).unwrap();
        let found = Tensors::from([("transformer.h.0.w".to_string(), bad)]);
        let error = check_finite(&found).unwrap_err().to_string();
        assert!(error.contains("transformer.h.0.w"), "{error}");
        assert!(check_finite(&Tensors::from([("a".to_string(), tensor(&[3]))])).is_ok());
        let large = Tensor::new(&[f32::MAX, f32::MAX], &Device::Cpu).unwrap();
        assert!(check_finite(&Tensors::from([("a".to_string(), large)])).is_ok());
        assert!(check_layers(&found, "transformer.h.", "n_layer", 1).is_ok());
        for layers in [0, 2, 1_000_000_000] {
            let error = check_layers(&found, "transformer.h.", "n_layer", layers).unwrap_err();
            assert!(error.to_string().contains("has 1 layers"), "{error}");
        }
        assert!(check_ranges(&[("n_layer", 1_000, 1..=1_000)]).is_ok());
        assert!(check_ranges(&[("n_layer", 1_000_000_000, 1..=1_000)]).is_err());
        assert!(check_ranges(&[("n_layer", 0, 1..=1_000)]).is_err());
    }

    /// A file with this list of tensors, followed by `bytes` bytes that take no disk space.
    fn with_list(dir: &Path, list: &str, bytes: u64) -> PathBuf {
        let path = dir.join("model.safetensors");
        let head = [&(list.len() as u64).to_le_bytes()[..], list.as_bytes()].concat();
        std::fs::write(&path, &head).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_len(head.len() as u64 + bytes).unwrap();
        path
    }

    #[test]
    fn false_tensor_list_is_refused_before_reading() {
        let dir = tempfile::tempdir().unwrap();
        let one = |shape: &str, from: u64, to: u64| {
            format!(r#"{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}"#)
        };
        let many = format!("[{}1]", "1,".repeat(MOST_DIMENSIONS));
        for (list, bytes, part) in [
            (
                format!(r#"{{"w":{}}}"#, one("[4]", 0, 16)),
                8,
                "place of its own",
            ),
            (
                format!(r#"{{"a":{},"b":{}}}"#, one("[4]", 0, 16), one("[4]", 8, 24)),
                64,
                "not a complete",
            ),
            (
                format!(r#"{{"w":{}}}"#, one("[5]", 0, 16)),
                16,
                "not a complete",
            ),
            (
                format!(
                    r#"{{"w":{}}}"#,
                    one("[9223372036854775807,9223372036854775807]", 0, 16)
                ),
                16,
                "w",
            ),
            (
                format!(r#"{{"w":{}}}"#, one(&many, 0, 4)),
                4,
                "not its shape",
            ),
            ("[".repeat(100_000), 0, "safetensors"),
            ("{}".into(), 0, ""),
        ] {
            let path = with_list(dir.path(), &list, bytes);
            match list_names(&path) {
                Ok(names) => assert!(part.is_empty() && names.is_empty(), "{list:.80}"),
                Err(e) => assert!(!part.is_empty() && e.contains(part), "{list:.80}: {e}"),
            }
        }
        let long = dir.path().join("long.safetensors");
        std::fs::write(&long, u64::MAX.to_le_bytes()).unwrap();
        assert!(list_names(&long).unwrap_err().contains("would have"));
    }

    fn list_names(path: &Path) -> std::result::Result<Vec<String>, String> {
        list(&[path.to_owned()])
            .map(|listed| listed.into_iter().map(|one| one.name).collect())
            .map_err(|e| e.to_string())
    }

    #[test]
    fn only_used_tensors_are_read() {
        let dir = tempfile::tempdir().unwrap();
        // 64 GiB of values that the model does not use; the sparse file takes no disk space
        let list = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
            "x":{"dtype":"F32","shape":[17179869184],"data_offsets":[8,68719476744]}}"#;
        let path = with_list(dir.path(), list, 8 + (64 << 30));
        let listed: BTreeMap<_, _> = list_of(&path);
        let spec = |n| Spec {
            name: "a".into(),
            shape: vec![n],
            init: Init::Const(0.),
        };
        let planned = plan(listed.clone(), &[spec(2)], &[]).unwrap();
        assert_eq!(planned.unused, ["x"]);
        let loaded = load(&planned.taken).unwrap();
        assert_eq!(loaded.keys().collect::<Vec<_>>(), ["a"]);
        let misshapen = plan(listed, &[spec(3)], &[]).unwrap_err();
        assert!(misshapen.to_string().contains("config.json has [3]"));
    }

    fn list_of(path: &Path) -> BTreeMap<String, Listed> {
        list(&[path.to_owned()])
            .unwrap()
            .into_iter()
            .map(|one| (one.name.clone(), one))
            .collect()
    }

    #[test]
    fn folder_is_read_as_one_file_or_shards() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        assert!(
            files(dir.path())
                .unwrap_err()
                .to_string()
                .contains("no model.safetensors")
        );
        for (shard, name) in [("s1.safetensors", "a"), ("s2.safetensors", "b")] {
            write(
                &Tensors::from([(name.to_string(), tensor(&[2]))]),
                &at(shard),
            )
            .unwrap();
        }
        let index = r#"{"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}}"#;
        std::fs::write(at("model.safetensors.index.json"), index).unwrap();
        let tensors = read(&files(dir.path()).unwrap()).unwrap();
        assert_eq!(tensors.keys().collect::<Vec<_>>(), ["a", "b"]);
        std::fs::remove_file(at("s2.safetensors")).unwrap();
        assert!(
            files(dir.path())
                .unwrap_err()
                .to_string()
                .contains("s2.safetensors")
        );
    }

    #[test]
    fn pickled_weights_and_shards_elsewhere_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("model");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("pytorch_model.bin"), "code").unwrap();
        let error = files(&folder).unwrap_err().to_string();
        assert!(error.contains("can carry code"), "{error}");
        let outside = dir.path().join("outside.safetensors");
        write(&Tensors::from([("a".to_string(), tensor(&[2]))]), &outside).unwrap();
        for name in ["../outside.safetensors", &outside.to_string_lossy(), ".."] {
            let index = format!(r#"{{"weight_map":{{"a":"{name}"}}}}"#);
            std::fs::write(folder.join("model.safetensors.index.json"), index).unwrap();
            assert!(files(&folder).is_err(), "{name}");
        }
    }
}

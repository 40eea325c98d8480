-- The settings of a run are JSON; they were TOML, which is now only the format of files that a user edits. What is no
-- TOML stays as it is, and is named by `repartee check`.
UPDATE run SET config = toml_to_json(config) WHERE toml_to_json(config) IS NOT NULL;
UPDATE job SET params = json_set(params, '$.config', json(toml_to_json(json_extract(params, '$.config'))))
    WHERE kind = 'train'
        AND CASE WHEN json_valid(params) THEN json_type(params, '$.config') END = 'text'
        AND toml_to_json(json_extract(params, '$.config')) IS NOT NULL;

-- Genres and languages that every installation has; the admin may add more.
--
-- novels.apps runs it after each `migrate`. Existing rows stay unchanged.

INSERT INTO novels_genre (slug, name) VALUES
    ('adventure', 'Adventure'),
    ('children', 'Children''s literature'),
    ('classic', 'Classic'),
    ('comedy', 'Comedy'),
    ('crime', 'Crime'),
    ('drama', 'Drama'),
    ('fairy-tale', 'Fairy tale'),
    ('fantasy', 'Fantasy'),
    ('gothic', 'Gothic'),
    ('historical', 'Historical'),
    ('horror', 'Horror'),
    ('mystery', 'Mystery'),
    ('romance', 'Romance'),
    ('science-fiction', 'Science fiction'),
    ('short-stories', 'Short stories'),
    ('western', 'Western')
ON CONFLICT DO NOTHING;

-- ISO 639-1 code, name, and PostgreSQL's text search configuration.
INSERT INTO novels_language (code, name, search_config) VALUES
    ('da', 'Danish', 'danish'),
    ('de', 'German', 'german'),
    ('en', 'English', 'english'),
    ('es', 'Spanish', 'spanish'),
    ('fi', 'Finnish', 'finnish'),
    ('fr', 'French', 'french'),
    ('it', 'Italian', 'italian'),
    ('ja', 'Japanese', 'simple'),
    ('nl', 'Dutch', 'dutch'),
    ('no', 'Norwegian', 'norwegian'),
    ('pl', 'Polish', 'simple'),
    ('pt', 'Portuguese', 'portuguese'),
    ('ru', 'Russian', 'russian'),
    ('sv', 'Swedish', 'swedish'),
    ('zh', 'Chinese', 'simple')
ON CONFLICT DO NOTHING;

-- Foreign keys of novels, whose deletions PostgreSQL carries out itself, in one statement.
--
-- users/sql/foreign_keys.sql says why Django does not. A user that still owns novels cannot be
-- deleted by accident: the owner's key restricts.
--
-- Chapters, texts and statuses have their novel's owner and visibility, so that row level security
-- reads one row only. A foreign key of all three columns allows nothing else. When a novel is
-- published or withdrawn, ON UPDATE CASCADE changes them in the same statement. The unique keys
-- (id, owner_id, is_public) exist for these foreign keys to refer to.

-- migrate:up
ALTER TABLE novels_novel
    ADD CONSTRAINT novels_novel_shown_uq UNIQUE (id, owner_id, is_public),
    ADD CONSTRAINT novels_novel_owner_id_fk FOREIGN KEY (owner_id)
    REFERENCES users_user ON DELETE RESTRICT;
ALTER TABLE novels_novelupload
    ADD CONSTRAINT novels_novelupload_novel_id_fk FOREIGN KEY (novel_id)
    REFERENCES novels_novel ON DELETE CASCADE,
    ADD CONSTRAINT novels_novelupload_owner_id_fk FOREIGN KEY (owner_id)
    REFERENCES users_user ON DELETE RESTRICT;
ALTER TABLE novels_chapter
    ADD CONSTRAINT novels_chapter_shown_uq UNIQUE (id, owner_id, is_public),
    ADD CONSTRAINT novels_chapter_novel_id_fk FOREIGN KEY (novel_id, owner_id, is_public)
    REFERENCES novels_novel (id, owner_id, is_public) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE novels_chaptertext
    ADD CONSTRAINT novels_chaptertext_chapter_id_fk FOREIGN KEY (chapter_id, owner_id, is_public)
    REFERENCES novels_chapter (id, owner_id, is_public) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE novels_processingstatus
    ADD CONSTRAINT novels_processingstatus_novel_id_fk FOREIGN KEY (novel_id, owner_id, is_public)
    REFERENCES novels_novel (id, owner_id, is_public) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE novels_searchdocument
    ADD CONSTRAINT novels_searchdocument_novel_id_fk FOREIGN KEY (novel_id)
    REFERENCES novels_novel ON DELETE CASCADE,
    ADD CONSTRAINT novels_searchdocument_chapter_id_fk FOREIGN KEY (chapter_id)
    REFERENCES novels_chapter ON DELETE CASCADE;
-- Room on each page for new versions of a row that changes every second (HOT updates).
ALTER TABLE novels_processingstatus SET (fillfactor = 70);

-- migrate:down
ALTER TABLE novels_processingstatus RESET (fillfactor);
ALTER TABLE novels_searchdocument
    DROP CONSTRAINT novels_searchdocument_chapter_id_fk,
    DROP CONSTRAINT novels_searchdocument_novel_id_fk;
ALTER TABLE novels_processingstatus DROP CONSTRAINT novels_processingstatus_novel_id_fk;
ALTER TABLE novels_chaptertext DROP CONSTRAINT novels_chaptertext_chapter_id_fk;
ALTER TABLE novels_chapter
    DROP CONSTRAINT novels_chapter_novel_id_fk,
    DROP CONSTRAINT novels_chapter_shown_uq;
ALTER TABLE novels_novelupload
    DROP CONSTRAINT novels_novelupload_owner_id_fk,
    DROP CONSTRAINT novels_novelupload_novel_id_fk;
ALTER TABLE novels_novel
    DROP CONSTRAINT novels_novel_owner_id_fk,
    DROP CONSTRAINT novels_novel_shown_uq;

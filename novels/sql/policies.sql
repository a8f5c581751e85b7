-- Row level security of novels and what belongs to them.
--
-- The second lock beside the querysets' filters; users/sql/policies.sql explains the settings and
-- the form of each policy. Comparisons are leakproof, so that the list indexes still serve.
--
-- Chapters, texts and statuses carry the owner and the visibility of their novel
-- (foreign_keys.sql), so their policies compare columns of one row. Search documents do not:
-- readers find them through novels_search_matches() (search.sql), and publishing a novel would
-- rewrite their GIN index. Staff come first in their read policy: otherwise the admin's first page
-- tested every novel's key (4,900 buffers and a second at a million novels).
--
-- INSERT policies demand a parent of the caller's own, and a trigger refuses a new parent.
-- PostgreSQL checks a unique index and a foreign key past row level security, so their errors would
-- tell a private parent from an absent one. Policies and BEFORE triggers run first and refuse both
-- alike. An UPDATE that names no parent column runs no trigger. Roles that row level security does
-- not bind (the loader, foreign keys that publish or delete) may move a row.

-- migrate:up
CREATE FUNCTION belonging_keep_parent() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    RAISE insufficient_privilege USING MESSAGE = 'A row stays with the row that it belongs to.';
END
$$;

ALTER TABLE novels_novel ENABLE ROW LEVEL SECURITY;
ALTER TABLE novels_novel FORCE ROW LEVEL SECURITY;
CREATE POLICY novels_novel_read ON novels_novel FOR SELECT
USING (
    is_public
    OR owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY novels_novel_insert ON novels_novel FOR INSERT
WITH CHECK (
    owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY novels_novel_update ON novels_novel FOR UPDATE
USING (
    owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY novels_novel_delete ON novels_novel FOR DELETE
USING (
    owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);

ALTER TABLE novels_novelupload ENABLE ROW LEVEL SECURITY;
ALTER TABLE novels_novelupload FORCE ROW LEVEL SECURITY;
CREATE POLICY novels_novelupload_read ON novels_novelupload FOR SELECT
USING (
    owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY novels_novelupload_insert ON novels_novelupload FOR INSERT
WITH CHECK (
    current_setting('app.staff', true) = 'on'
    OR (
        owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
        AND (novel_id IS NULL OR EXISTS (
            SELECT FROM novels_novel p
            WHERE p.id = novels_novelupload.novel_id
                AND p.owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
        ))
    )
);
CREATE POLICY novels_novelupload_update ON novels_novelupload FOR UPDATE
USING (
    owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY novels_novelupload_delete ON novels_novelupload FOR DELETE
USING (
    owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE TRIGGER novels_novelupload_keep_parent
BEFORE UPDATE OF novel_id ON novels_novelupload FOR EACH ROW
WHEN (
    OLD.novel_id IS DISTINCT FROM NEW.novel_id
    AND row_security_active('novels_novelupload'::regclass)
)
EXECUTE FUNCTION belonging_keep_parent();

ALTER TABLE novels_chapter ENABLE ROW LEVEL SECURITY;
ALTER TABLE novels_chapter FORCE ROW LEVEL SECURITY;
CREATE POLICY novels_chapter_read ON novels_chapter FOR SELECT
USING (
    is_public
    OR owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY novels_chapter_insert ON novels_chapter FOR INSERT
WITH CHECK (
    current_setting('app.staff', true) = 'on'
    OR (
        owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
        AND (novel_id IS NULL OR EXISTS (
            SELECT FROM novels_novel p
            WHERE p.id = novels_chapter.novel_id
                AND p.owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
        ))
    )
);
CREATE POLICY novels_chapter_update ON novels_chapter FOR UPDATE
USING (
    owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY novels_chapter_delete ON novels_chapter FOR DELETE
USING (
    owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE TRIGGER novels_chapter_keep_parent
BEFORE UPDATE OF novel_id ON novels_chapter FOR EACH ROW
WHEN (
    OLD.novel_id IS DISTINCT FROM NEW.novel_id
    AND row_security_active('novels_chapter'::regclass)
)
EXECUTE FUNCTION belonging_keep_parent();

ALTER TABLE novels_chaptertext ENABLE ROW LEVEL SECURITY;
ALTER TABLE novels_chaptertext FORCE ROW LEVEL SECURITY;
CREATE POLICY novels_chaptertext_read ON novels_chaptertext FOR SELECT
USING (
    is_public
    OR owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY novels_chaptertext_insert ON novels_chaptertext FOR INSERT
WITH CHECK (
    current_setting('app.staff', true) = 'on'
    OR (
        owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
        AND (chapter_id IS NULL OR EXISTS (
            SELECT FROM novels_chapter p
            WHERE p.id = novels_chaptertext.chapter_id
                AND p.owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
        ))
    )
);
CREATE POLICY novels_chaptertext_update ON novels_chaptertext FOR UPDATE
USING (
    owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY novels_chaptertext_delete ON novels_chaptertext FOR DELETE
USING (
    owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE TRIGGER novels_chaptertext_keep_parent
BEFORE UPDATE OF chapter_id ON novels_chaptertext FOR EACH ROW
WHEN (
    OLD.chapter_id IS DISTINCT FROM NEW.chapter_id
    AND row_security_active('novels_chaptertext'::regclass)
)
EXECUTE FUNCTION belonging_keep_parent();

ALTER TABLE novels_processingstatus ENABLE ROW LEVEL SECURITY;
ALTER TABLE novels_processingstatus FORCE ROW LEVEL SECURITY;
CREATE POLICY novels_processingstatus_read ON novels_processingstatus FOR SELECT
USING (
    is_public
    OR owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY novels_processingstatus_insert ON novels_processingstatus FOR INSERT
WITH CHECK (
    current_setting('app.staff', true) = 'on'
    OR (
        owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
        AND (novel_id IS NULL OR EXISTS (
            SELECT FROM novels_novel p
            WHERE p.id = novels_processingstatus.novel_id
                AND p.owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
        ))
    )
);
CREATE POLICY novels_processingstatus_update ON novels_processingstatus FOR UPDATE
USING (
    owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY novels_processingstatus_delete ON novels_processingstatus FOR DELETE
USING (
    owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE TRIGGER novels_processingstatus_keep_parent
BEFORE UPDATE OF novel_id ON novels_processingstatus FOR EACH ROW
WHEN (
    OLD.novel_id IS DISTINCT FROM NEW.novel_id
    AND row_security_active('novels_processingstatus'::regclass)
)
EXECUTE FUNCTION belonging_keep_parent();

ALTER TABLE novels_searchdocument ENABLE ROW LEVEL SECURITY;
ALTER TABLE novels_searchdocument FORCE ROW LEVEL SECURITY;
CREATE POLICY novels_searchdocument_read ON novels_searchdocument FOR SELECT
USING (
    current_setting('app.staff', true) = 'on'
    OR EXISTS (SELECT FROM novels_novel n WHERE n.id = novel_id)
);
CREATE POLICY novels_searchdocument_insert ON novels_searchdocument FOR INSERT
WITH CHECK (
    current_setting('app.staff', true) = 'on'
    OR (
        EXISTS (
            SELECT FROM novels_novel n
            WHERE n.id = novels_searchdocument.novel_id
                AND n.owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
        )
        AND (chapter_id IS NULL OR EXISTS (
            SELECT FROM novels_chapter p
            WHERE p.id = novels_searchdocument.chapter_id
                AND p.owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
        ))
    )
);
CREATE POLICY novels_searchdocument_update ON novels_searchdocument FOR UPDATE
USING (
    current_setting('app.staff', true) = 'on'
    OR EXISTS (
        SELECT FROM novels_novel n
        WHERE n.id = novel_id
            AND n.owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    )
);
CREATE POLICY novels_searchdocument_delete ON novels_searchdocument FOR DELETE
USING (
    current_setting('app.staff', true) = 'on'
    OR EXISTS (
        SELECT FROM novels_novel n
        WHERE n.id = novel_id
            AND n.owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    )
);
CREATE TRIGGER novels_searchdocument_keep_parent
BEFORE UPDATE OF novel_id, chapter_id ON novels_searchdocument FOR EACH ROW
WHEN (
    (OLD.novel_id IS DISTINCT FROM NEW.novel_id OR OLD.chapter_id IS DISTINCT FROM NEW.chapter_id)
    AND row_security_active('novels_searchdocument'::regclass)
)
EXECUTE FUNCTION belonging_keep_parent();

-- migrate:down
DROP TRIGGER novels_searchdocument_keep_parent ON novels_searchdocument;
DROP POLICY novels_searchdocument_delete ON novels_searchdocument;
DROP POLICY novels_searchdocument_update ON novels_searchdocument;
DROP POLICY novels_searchdocument_insert ON novels_searchdocument;
DROP POLICY novels_searchdocument_read ON novels_searchdocument;
ALTER TABLE novels_searchdocument NO FORCE ROW LEVEL SECURITY;
ALTER TABLE novels_searchdocument DISABLE ROW LEVEL SECURITY;

DROP TRIGGER novels_processingstatus_keep_parent ON novels_processingstatus;
DROP POLICY novels_processingstatus_delete ON novels_processingstatus;
DROP POLICY novels_processingstatus_update ON novels_processingstatus;
DROP POLICY novels_processingstatus_insert ON novels_processingstatus;
DROP POLICY novels_processingstatus_read ON novels_processingstatus;
ALTER TABLE novels_processingstatus NO FORCE ROW LEVEL SECURITY;
ALTER TABLE novels_processingstatus DISABLE ROW LEVEL SECURITY;

DROP TRIGGER novels_chaptertext_keep_parent ON novels_chaptertext;
DROP POLICY novels_chaptertext_delete ON novels_chaptertext;
DROP POLICY novels_chaptertext_update ON novels_chaptertext;
DROP POLICY novels_chaptertext_insert ON novels_chaptertext;
DROP POLICY novels_chaptertext_read ON novels_chaptertext;
ALTER TABLE novels_chaptertext NO FORCE ROW LEVEL SECURITY;
ALTER TABLE novels_chaptertext DISABLE ROW LEVEL SECURITY;

DROP TRIGGER novels_chapter_keep_parent ON novels_chapter;
DROP POLICY novels_chapter_delete ON novels_chapter;
DROP POLICY novels_chapter_update ON novels_chapter;
DROP POLICY novels_chapter_insert ON novels_chapter;
DROP POLICY novels_chapter_read ON novels_chapter;
ALTER TABLE novels_chapter NO FORCE ROW LEVEL SECURITY;
ALTER TABLE novels_chapter DISABLE ROW LEVEL SECURITY;

DROP TRIGGER novels_novelupload_keep_parent ON novels_novelupload;
DROP POLICY novels_novelupload_delete ON novels_novelupload;
DROP POLICY novels_novelupload_update ON novels_novelupload;
DROP POLICY novels_novelupload_insert ON novels_novelupload;
DROP POLICY novels_novelupload_read ON novels_novelupload;
ALTER TABLE novels_novelupload NO FORCE ROW LEVEL SECURITY;
ALTER TABLE novels_novelupload DISABLE ROW LEVEL SECURITY;

DROP POLICY novels_novel_delete ON novels_novel;
DROP POLICY novels_novel_update ON novels_novel;
DROP POLICY novels_novel_insert ON novels_novel;
DROP POLICY novels_novel_read ON novels_novel;
ALTER TABLE novels_novel NO FORCE ROW LEVEL SECURITY;
ALTER TABLE novels_novel DISABLE ROW LEVEL SECURITY;

DROP FUNCTION belonging_keep_parent();

-- Row level security of comics and panels.
--
-- novels/sql/policies.sql explains the rules; both are alike. Images have no owner, because the
-- same bytes are stored once: they are reached through panels.
--
-- A comic names a novel that its owner sees. A policy cannot demand this, because a comic may keep
-- a novel that was withdrawn later; so a trigger tests the novel when it changes. It runs before
-- the foreign key and refuses private and absent novels alike. A row of another owner is refused by
-- the policy.

-- migrate:up
ALTER TABLE comics_comic ENABLE ROW LEVEL SECURITY;
ALTER TABLE comics_comic FORCE ROW LEVEL SECURITY;
CREATE POLICY comics_comic_read ON comics_comic FOR SELECT
USING (
    is_public
    OR owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY comics_comic_insert ON comics_comic FOR INSERT
WITH CHECK (
    owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY comics_comic_update ON comics_comic FOR UPDATE
USING (
    owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY comics_comic_delete ON comics_comic FOR DELETE
USING (
    owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);

ALTER TABLE comics_panel ENABLE ROW LEVEL SECURITY;
ALTER TABLE comics_panel FORCE ROW LEVEL SECURITY;
CREATE POLICY comics_panel_read ON comics_panel FOR SELECT
USING (
    is_public
    OR owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY comics_panel_insert ON comics_panel FOR INSERT
WITH CHECK (
    current_setting('app.staff', true) = 'on'
    OR (
        owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
        AND (comic_id IS NULL OR EXISTS (
            SELECT FROM comics_comic p
            WHERE p.id = comics_panel.comic_id
                AND p.owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
        ))
    )
);
CREATE POLICY comics_panel_update ON comics_panel FOR UPDATE
USING (
    owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY comics_panel_delete ON comics_panel FOR DELETE
USING (
    owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE TRIGGER comics_panel_keep_parent
BEFORE UPDATE OF comic_id ON comics_panel FOR EACH ROW
WHEN (
    OLD.comic_id IS DISTINCT FROM NEW.comic_id
    AND row_security_active('comics_panel'::regclass)
)
EXECUTE FUNCTION belonging_keep_parent();

-- public.novels_novel: a temporary table of the caller must not take its place.
CREATE FUNCTION comics_novel_is_visible() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.novels_novel n WHERE n.id = NEW.novel_id) THEN
        RAISE foreign_key_violation USING
            MESSAGE = 'There is no such novel, or it is not yours to see.',
            CONSTRAINT = 'comics_comic_novel_id_fk';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER comics_comic_novel_added BEFORE INSERT ON comics_comic FOR EACH ROW
WHEN (
    NEW.novel_id IS NOT NULL
    AND row_security_active('comics_comic'::regclass)
    AND NEW.owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
)
EXECUTE FUNCTION comics_novel_is_visible();
CREATE TRIGGER comics_comic_novel_changed BEFORE UPDATE OF novel_id ON comics_comic FOR EACH ROW
WHEN (
    NEW.novel_id IS DISTINCT FROM OLD.novel_id
    AND NEW.novel_id IS NOT NULL
    AND row_security_active('comics_comic'::regclass)
    AND NEW.owner_id = NULLIF(current_setting('app.user_id', true), '')::bigint
)
EXECUTE FUNCTION comics_novel_is_visible();

-- migrate:down
DROP TRIGGER comics_comic_novel_changed ON comics_comic;
DROP TRIGGER comics_comic_novel_added ON comics_comic;
DROP FUNCTION comics_novel_is_visible();

DROP TRIGGER comics_panel_keep_parent ON comics_panel;
DROP POLICY comics_panel_delete ON comics_panel;
DROP POLICY comics_panel_update ON comics_panel;
DROP POLICY comics_panel_insert ON comics_panel;
DROP POLICY comics_panel_read ON comics_panel;
ALTER TABLE comics_panel NO FORCE ROW LEVEL SECURITY;
ALTER TABLE comics_panel DISABLE ROW LEVEL SECURITY;

DROP POLICY comics_comic_delete ON comics_comic;
DROP POLICY comics_comic_update ON comics_comic;
DROP POLICY comics_comic_insert ON comics_comic;
DROP POLICY comics_comic_read ON comics_comic;
ALTER TABLE comics_comic NO FORCE ROW LEVEL SECURITY;
ALTER TABLE comics_comic DISABLE ROW LEVEL SECURITY;

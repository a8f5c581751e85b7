-- Foreign keys of comics, whose deletions PostgreSQL carries out itself.
--
-- users/sql/foreign_keys.sql says why Django does not; novels/sql/foreign_keys.sql explains the
-- keys of three columns. A comic outlives its novel and then names none. An image that a cover or a
-- panel shows cannot be deleted.

-- migrate:up
ALTER TABLE comics_rendition
    ADD CONSTRAINT comics_rendition_image_id_fk FOREIGN KEY (image_id)
    REFERENCES comics_image ON DELETE CASCADE;
ALTER TABLE comics_comic
    ADD CONSTRAINT comics_comic_shown_uq UNIQUE (id, owner_id, is_public),
    ADD CONSTRAINT comics_comic_novel_id_fk FOREIGN KEY (novel_id)
    REFERENCES novels_novel ON DELETE SET NULL,
    ADD CONSTRAINT comics_comic_owner_id_fk FOREIGN KEY (owner_id)
    REFERENCES users_user ON DELETE RESTRICT,
    ADD CONSTRAINT comics_comic_cover_id_fk FOREIGN KEY (cover_id)
    REFERENCES comics_image ON DELETE RESTRICT;
ALTER TABLE comics_panel
    ADD CONSTRAINT comics_panel_comic_id_fk FOREIGN KEY (comic_id, owner_id, is_public)
    REFERENCES comics_comic (id, owner_id, is_public) ON UPDATE CASCADE ON DELETE CASCADE,
    ADD CONSTRAINT comics_panel_image_id_fk FOREIGN KEY (image_id)
    REFERENCES comics_image ON DELETE RESTRICT;

-- migrate:down
ALTER TABLE comics_panel
    DROP CONSTRAINT comics_panel_image_id_fk,
    DROP CONSTRAINT comics_panel_comic_id_fk;
ALTER TABLE comics_comic
    DROP CONSTRAINT comics_comic_cover_id_fk,
    DROP CONSTRAINT comics_comic_owner_id_fk,
    DROP CONSTRAINT comics_comic_novel_id_fk,
    DROP CONSTRAINT comics_comic_shown_uq;
ALTER TABLE comics_rendition DROP CONSTRAINT comics_rendition_image_id_fk;

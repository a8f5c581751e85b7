"""A comic names a novel that its owner sees, and a panel belongs to one's own comic.

Else errors tell of private novels and comics: a foreign key is checked past row level security, and
a unique index before the foreign key. A policy cannot ask this of a comic's novel, because a comic
may keep one that was withdrawn since; so a trigger does, where the novel changes. It is asked
before the foreign key, and refuses private and absent novels alike. It does not run for roles that
row level security does not bind (the loader, foreign keys that publish or delete).

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

from morpheus.db.operations import CALLER, STAFF, insert_of_own, keep_parent

# By its schema: a temporary table of the caller's must not stand for it.
FUNCTION = """
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
$$
"""
# Of another owner's row, the policy speaks.
CHECKED = (
    "NEW.novel_id IS NOT NULL AND row_security_active('comics_comic'::regclass) "
    f"AND NEW.owner_id = {CALLER}"
)
ADDED = f"""
CREATE TRIGGER comics_comic_novel_added BEFORE INSERT ON comics_comic FOR EACH ROW
WHEN ({CHECKED}) EXECUTE FUNCTION comics_novel_is_visible()
"""
CHANGED = f"""
CREATE TRIGGER comics_comic_novel_changed BEFORE UPDATE OF novel_id ON comics_comic FOR EACH ROW
WHEN (NEW.novel_id IS DISTINCT FROM OLD.novel_id AND {CHECKED})
EXECUTE FUNCTION comics_novel_is_visible()
"""
OWN_ROW = f"owner_id = {CALLER}"


class Migration(migrations.Migration):
    dependencies = [
        ("comics", "0012_tags_of_what_is_shown"),
        ("novels", "0018_belongings_of_own_novels_only"),
    ]
    operations = [
        migrations.RunSQL(
            [FUNCTION, ADDED, CHANGED],
            reverse_sql=[
                "DROP TRIGGER comics_comic_novel_changed ON comics_comic",
                "DROP TRIGGER comics_comic_novel_added ON comics_comic",
                "DROP FUNCTION comics_novel_is_visible()",
            ],
        ),
        insert_of_own(
            "comics_panel",
            "comic_id",
            "comics_comic",
            owned=OWN_ROW,
            before=f"{OWN_ROW} OR {STAFF}",
        ),
        keep_parent("comics_panel", "comic_id"),
    ]

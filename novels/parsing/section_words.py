"""The names of parts without a number, by language: prologue, epilogue, contents."""

from __future__ import annotations

from typing import Final

from novels.parsing.heading_words import fold

# Written by the author, without a number: prologue, epilogue, preface and the like.
UNNUMBERED: Final = {
    "cs": "prolog epilog předmluva úvod doslov závěr",
    "da": "prolog epilog forord indledning efterskrift",
    "de": "prolog epilog vorwort nachwort einleitung vorrede vorspiel nachspiel zueignung schluß",
    "el": "πρόλογος επίλογος εισαγωγή προοίμιον",
    "en": "prologue prelude epilogue preface introduction foreword proem conclusion afterword "
    "postscript interlude l'envoi",
    "eo": "prologo epilogo antaŭparolo",
    "es": "prólogo epílogo prefacio introducción advertencia conclusión preámbulo",
    "et": "proloog epiloog eessõna järelsõna sissejuhatus",
    "fi": "prologi epilogi esipuhe johdanto alkulause loppusanat jälkisanat",
    "fr": "prologue épilogue préface avant-propos introduction conclusion avertissement postface",
    "hr": "prolog epilog predgovor uvod pogovor zaključak",
    "hu": "prológus epilógus előszó bevezetés utószó előhang utóhang",
    "id": "prolog epilog pendahuluan penutup",
    "it": "prologo epilogo prefazione introduzione proemio conclusione",
    "ja": "プロローグ エピローグ 序 序章 序文 終章 あとがき 後書き まえがき はしがき",
    "ko": "프롤로그 에필로그 서장 종장 서문 머리말 후기 작가의말",
    "lt": "prologas epilogas prakalba įvadas pratarmė",
    "lv": "prologs epilogs priekšvārds ievads",
    "nl": "proloog epiloog voorwoord inleiding nawoord voorrede besluit",
    "no": "prolog epilog forord innledning etterord",
    "pl": "prolog epilog przedmowa wstęp posłowie zakończenie",
    "pt": "prólogo epílogo prefácio introdução advertência conclusão",
    "ro": "prolog epilog prefață introducere încheiere",
    "ru": "пролог эпилог предисловие введение послесловие заключение вступление",
    "sl": "prolog epilog predgovor uvod sklep",
    "sr": "пролог епилог предговор увод поговор",
    "sv": "prolog epilog förord inledning efterskrift företal",
    "tr": "önsöz giriş sonsöz prolog epilog",
    "uk": "пролог епілог передмова вступ післямова",
    "vi": "mở đầu|lời nói đầu|vĩ thanh|lời bạt|ngoại truyện",
    "zh": "楔子 序章 序言 序 前言 引子 尾声 尾聲 终章 終章 后记 後記 番外 引言",
}

# The heading of a table of contents.
CONTENTS: Final = (
    "contents|table of contents|inhalt|inhaltsverzeichnis|inhaltsübersicht|table|"
    "table des matières|table des chapitres|sommaire|índice|tabla de contenidos|indice|sommario|"
    "índex|inhoud|inhoudsopgave|innehåll|innehållsförteckning|indhold|indholdsfortegnelse|"
    "innhold|sisällys|sisällysluettelo|sisukord|saturs|turinys|spis treści|spis rozdziałów|obsah|"
    "tartalom|tartalomjegyzék|cuprins|kazalo|sadržaj|садржај|содержание|оглавление|зміст|змест|"
    "съдържание|περιεχόμενα|içindekiler|daftar isi|mục lục|nilalaman|enhavo|目录|目錄|目次|차례|"
    "목차|สารบัญ|الفهرس|المحتويات|תוכן העניינים|תוכן|efnisyfirlit"
)

UNNUMBERED_NAMES: Final = frozenset(
    fold(name)
    for names in UNNUMBERED.values()
    for name in (names.split("|") if "|" in names else names.split())
)
CONTENTS_NAMES: Final = frozenset(map(fold, CONTENTS.split("|")))

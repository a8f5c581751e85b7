'use strict'
// The API as a team would write it that picks Node: Fastify, SQL by hand, prepared statements.
//
// FULL=1 adds a request log, metrics and entity tags. CACHE=1 keeps ready responses in Redis by URL.
// libpq's variables (PGHOST, PGUSER, ...) name the database, REDIS_SOCKET and REDIS_DATABASE the cache;
// the first argument is the port.

const Fastify = require('fastify')
const Redis = require('ioredis')
const { Pool, types } = require('pg')

// No write invalidates a cached response; this is its whole freshness.
const TTL_S = 600
const ROOT = '/api/v1'

// pg gives bigint as text, and a Date has no microseconds.
types.setTypeParser(types.builtins.INT8, Number)
types.setTypeParser(types.builtins.TIMESTAMPTZ, (text) => {
  // 2026-11-30 05:20:01.5+00
  const fraction = text.slice(20, -3).padEnd(6, '0')
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${fraction}Z`
})

const integer = { type: 'integer' }
const text = { type: 'string' }
const optional = { type: 'string', nullable: true }
const object = (properties) => ({ type: 'object', properties })
const list = (items) => object({ next: optional, previous: optional, results: { type: 'array', items } })

const NOVEL = object({
  id: integer,
  title: text,
  author: text,
  synopsis: text,
  genre: optional,
  language: optional,
  visibility: text,
  word_count: integer,
  chapter_count: integer,
  owner: object({ id: integer, display_name: text }),
  created_at: text,
  updated_at: text
})
const PANEL = object({
  id: integer,
  number: integer,
  caption: text,
  image_url: text,
  width: integer,
  height: integer
})
const STATUS = object({
  novel: integer,
  state: text,
  stage: text,
  progress: integer,
  message: text,
  warnings: { type: 'array', items: { type: 'object', additionalProperties: true } },
  updated_at: text
})

const CARDS = `
  SELECT n.id, n.title, n.author, n.synopsis, g.slug AS genre, l.code AS language, n.word_count,
    n.chapter_count, n.owner_id, u.display_name, n.created_at, n.updated_at
  FROM novels_novel n
  JOIN users_publicuser u ON u.id = n.owner_id
  LEFT JOIN novels_genre g ON g.id = n.genre_id
  LEFT JOIN novels_language l ON l.id = n.language_id
  WHERE n.is_public`
const STATEMENTS = {
  novel: `${CARDS} AND n.id = $1`,
  novels: `${CARDS} AND (n.created_at, n.id) < ($1::timestamptz, $2::bigint)
    ORDER BY n.created_at DESC, n.id DESC`,
  panels: `
    SELECT p.id, p.number, p.caption, i.digest, i.width, i.height
    FROM comics_panel p JOIN comics_image i ON i.id = p.image_id
    WHERE p.comic_id = $1 AND p.is_public AND p.number > $2 ORDER BY p.number`,
  status: `
    SELECT novel_id AS novel, state, stage, progress, message, warnings, updated_at
    FROM novels_processingstatus WHERE novel_id = $1 AND is_public`
}

const pool = new Pool({ options: '-c timezone=UTC' })

/** Execute a statement, which each connection prepares once; a plan needs the limit in its text. */
async function select (name, values, limit = 1) {
  const text = `${STATEMENTS[name]} LIMIT ${limit}`
  const { rows } = await pool.query({ name: `${name} ${limit}`, text, values })
  return rows
}

/** Return one page; the row after it says whether there is a next one. */
function page (request, rows, position, render) {
  const size = request.query.page_size
  let next = null
  if (rows.length > size) {
    rows.pop()
    const cursor = Buffer.from(position(rows[size - 1]).join()).toString('base64url')
    const path = request.url.split('?', 1)[0]
    next = `${request.protocol}://${request.host}${path}?cursor=${cursor}&page_size=${size}`
  }
  return { next, previous: null, results: rows.map(render) }
}

/** Return the position that the cursor names, or the given one without a cursor. */
function position (request, ...start) {
  const { cursor } = request.query
  return cursor === undefined ? start : Buffer.from(cursor, 'base64url').toString().split(',')
}

// A literal is several times as fast as a spread, or as adding to a row of pg.
function renderNovel (row) {
  return {
    id: row.id,
    title: row.title,
    author: row.author,
    synopsis: row.synopsis,
    genre: row.genre,
    language: row.language,
    visibility: 'public',
    word_count: row.word_count,
    chapter_count: row.chapter_count,
    owner: { id: row.owner_id, display_name: row.display_name },
    created_at: row.created_at,
    updated_at: row.updated_at
  }
}

function renderPanel (folder, row) {
  return {
    id: row.id,
    number: row.number,
    caption: row.caption,
    image_url: `${folder}/${row.number}/image/?v=${row.digest.slice(0, 16)}`,
    width: row.width,
    height: row.height
  }
}

const READS = {
  async '/novels/' (request) {
    const after = position(request, 'infinity', 0)
    const rows = await select('novels', after, request.query.page_size + 1)
    return page(request, rows, (row) => [row.created_at, row.id], renderNovel)
  },
  async '/novels/:id/' (request) {
    const [novel] = await select('novel', [request.params.id])
    return novel && renderNovel(novel)
  },
  async '/novels/:id/status/' (request) {
    const [status] = await select('status', [request.params.id])
    return status
  },
  async '/comics/:id/panels/' (request) {
    const { id } = request.params
    const rows = await select('panels', [id, ...position(request, 0)], request.query.page_size + 1)
    const folder = `${request.protocol}://${request.host}${ROOT}/comics/${id}/panels`
    return page(request, rows, (row) => [row.number], (row) => renderPanel(folder, row))
  }
}
const RESPONSES = {
  '/novels/': list(NOVEL),
  '/novels/:id/': NOVEL,
  '/novels/:id/status/': STATUS,
  '/comics/:id/panels/': list(PANEL)
}
const QUERY = object({ cursor: text, page_size: { ...integer, minimum: 1, maximum: 100, default: 20 } })

const isFull = process.env.FULL === '1'
const app = Fastify({ logger: isFull })
if (isFull) {
  app.register(require('@fastify/etag'))
  app.register(require('fastify-metrics'))
}

function notFound (reply) {
  reply.code(404)
  return { detail: 'Not found.' }
}

async function respond (read, request, reply) {
  const value = await read(request)
  if (value === undefined) return notFound(reply)
  reply.header('cache-control', 'public, no-cache')
  return value
}

const redis = process.env.CACHE === '1' &&
  new Redis({ path: process.env.REDIS_SOCKET, db: Number(process.env.REDIS_DATABASE), keyPrefix: 'fastify:' })

async function respondFromCache (read, request, reply) {
  // Links in the response name the host.
  const key = request.host + request.url
  let body = await redis.get(key)
  if (body === null) {
    const value = await read(request)
    if (value === undefined) return notFound(reply)
    body = reply.serializeInput(value, 200)
    await redis.set(key, body, 'EX', TTL_S)
  }
  reply.header('cache-control', 'public, no-cache').type('application/json; charset=utf-8')
  return body
}

// Plugins add their hooks to the routes that are registered after them.
app.after(() => {
  const handle = redis ? respondFromCache : respond
  for (const [path, read] of Object.entries(READS)) {
    const schema = { params: object({ id: integer }), querystring: QUERY, response: { 200: RESPONSES[path] } }
    app.get(ROOT + path, { schema }, (request, reply) => handle(read, request, reply))
  }
})
app.listen({ host: '127.0.0.1', port: Number(process.argv[2]) })

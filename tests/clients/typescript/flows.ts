// The main flows through a client of openapi-typescript and openapi-fetch:
//   node compiled/flows.js http://127.0.0.1:8000 picture.png

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Problem = components["schemas"]["Problem"];
type Result<T> = { data?: T; error?: Problem; response: Response };

const [url, picture] = process.argv.slice(2);
assert(url && picture);
const password = "correct horse battery staple";
const text = "Chapter 1\n\nAlice met a quokka.\n\nChapter 2\n\nThe quokka smiled.";
const client = createClient<paths>({ baseUrl: url });

// Fields of a form; files are Blobs, which schemas describe as strings.
function form(fields: object): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  return data;
}
const bytes = (blob: Blob) => blob as unknown as string;

function expect<T>(result: Result<T>): T {
  assert(result.data !== undefined, JSON.stringify(result.error));
  return result.data;
}

function refused(result: Result<unknown>, status: number, code: string): Problem {
  assert.equal(result.response.status, status);
  assert.equal(result.error?.code, code);
  return result.error;
}

async function logIn(email: string): Promise<void> {
  const body = { email, password, display_name: "Ben" };
  assert.equal(expect(await client.POST("/api/v1/users/", { body })).display_name, "Ben");
  const problem = refused(await client.POST("/api/v1/users/", { body }), 400, "invalid_input");
  assert.equal(problem.violations?.[0]?.pointer, "/email");
  const { token } = expect(await client.POST("/api/v1/auth/token/", { body: { email, password } }));
  client.use({
    onRequest({ request }) {
      request.headers.set("Authorization", `Bearer ${token}`);
    },
  });
}

async function upload(title: string, content: string): Promise<number> {
  const send = (key: string) =>
    client.POST("/api/v1/novels/", {
      params: { header: { "Idempotency-Key": key } },
      body: { file: bytes(new File([content], "novel.txt")), title, visibility: "public" as const },
      bodySerializer: form,
    });
  const created = await send(title);
  const novel = expect(created);
  assert(created.response.headers.get("Location")?.endsWith(`/novels/${novel.id}/`));
  const repeated = await send(title);
  assert.equal(repeated.response.headers.get("Idempotency-Replayed"), "true");
  assert.equal(expect(repeated).id, novel.id);
  assert.equal(refused(await send("another"), 409, "upload_exists").existing_id, novel.id);
  return novel.id;
}

async function waitUntilParsed(novel_id: number): Promise<void> {
  for (let turn = 0; turn < 60; turn++) {
    const read = await client.GET("/api/v1/novels/{novel_id}/status/", {
      params: { path: { novel_id } },
    });
    const { state, message } = expect(read);
    if (state === "completed") return;
    assert.notEqual(state, "failed", message);
    const seconds = Number(read.response.headers.get("X-Poll-Interval"));
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  }
  assert.fail("The novel is not parsed.");
}

async function readEverything(novel_id: number): Promise<void> {
  const path = { novel_id };
  const chapters = expect(
    await client.GET("/api/v1/novels/{novel_id}/chapters/", { params: { path } }),
  );
  assert.deepEqual(chapters.results.map((each) => each.number), [1, 2]);
  const chapter = expect(
    await client.GET("/api/v1/novels/{novel_id}/chapters/{number}/", {
      params: { path: { ...path, number: 2 } },
    }),
  );
  assert(chapter.content.includes("smiled"));
  const found = expect(await client.GET("/api/v1/search/", { params: { query: { q: "quokka" } } }));
  assert(found.results.some((each) => each.novel === novel_id));

  const ids: number[] = [];
  for (let cursor: string | undefined; ; ) {
    const query = { owner: "me", page_size: 1, ...(cursor === undefined ? {} : { cursor }) };
    const page = expect(await client.GET("/api/v1/novels/", { params: { query } }));
    ids.push(...page.results.map((each) => each.id));
    if (page.next === null) break;
    cursor = new URL(page.next).searchParams.get("cursor") ?? assert.fail();
  }
  assert.equal(ids.length, 2);
}

async function change(novel_id: number): Promise<void> {
  const path = { novel_id };
  const read = await client.GET("/api/v1/novels/{novel_id}/", { params: { path } });
  const etag = read.response.headers.get("ETag") ?? assert.fail();
  const update = () =>
    client.PATCH("/api/v1/novels/{novel_id}/", {
      params: { path, header: { "If-Match": etag } },
      body: { title: "Another title" },
    });
  assert.equal(expect(await update()).title, "Another title");
  refused(await update(), 412, "precondition_failed");
}

async function draw(novel: number, file: Buffer<ArrayBuffer>): Promise<void> {
  const comic = expect(
    await client.POST("/api/v1/comics/", {
      params: { header: { "Idempotency-Key": "a comic" } },
      body: { title: "Quokka", novel },
    }),
  );
  const path = { comic_id: comic.id };
  const panel = expect(
    await client.POST("/api/v1/comics/{comic_id}/panels/", {
      params: { path },
      body: { image: bytes(new File([file], "panel.png")), caption: "A quokka" },
      bodySerializer: form,
    }),
  );
  const image = await client.GET("/api/v1/comics/{comic_id}/panels/{number}/image/", {
    params: { path: { ...path, number: panel.number } },
    parseAs: "blob",
  });
  assert.equal(image.response.headers.get("Content-Type"), "image/png");
  assert(Buffer.from(await expect(image).arrayBuffer()).equals(file));
}

await logIn(`ben${Date.now()}@example.org`);
const novel = await upload("Quokkas", text);
await upload("Other", "Chapter 1\n\nOther.");
await waitUntilParsed(novel);
await readEverything(novel);
await change(novel);
await draw(novel, await readFile(picture));
const absent = { params: { path: { novel_id: 10 ** 12 } } };
refused(await client.GET("/api/v1/novels/{novel_id}/", absent), 404, "not_found");
const deleted = await client.DELETE("/api/v1/users/me/", { body: { current_password: password } });
assert.equal(deleted.response.status, 202);
refused(await client.GET("/api/v1/users/me/"), 401, "authentication_failed");
console.log("ok  All flows work.");

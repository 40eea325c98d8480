// Shrinks screenshots: 256 colors are enough for a page and take a quarter of the bytes.

import { crc32, deflateSync, inflateSync } from "node:zlib";

const COLORS = 256;

/** Maps each pixel to the nearest of the most frequent colors. */
export function smaller(png) {
  const { width, height, pixels } = decode(png);
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const palette = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, COLORS).map(([pixel]) => pixel);
  const of = new Map(palette.map((pixel, i) => [pixel, i]));
  const raw = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const pixel = pixels[y * width + x];
      let index = of.get(pixel);
      if (index === undefined) {
        index = nearest(palette, pixel);
        of.set(pixel, index);
      }
      raw[y * (width + 1) + 1 + x] = index;
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  const colors = Buffer.from(palette.flatMap((pixel) => [pixel >> 16, (pixel >> 8) & 255, pixel & 255]));
  return Buffer.concat([
    png.subarray(0, 8),
    chunk("IHDR", header),
    chunk("PLTE", colors),
    chunk("IDAT", deflateSync(raw, { level: 9, memLevel: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function nearest(palette, pixel) {
  let best = 0; let smallest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < palette.length; i += 1) {
    const red = (palette[i] >> 16) - (pixel >> 16);
    const green = ((palette[i] >> 8) & 255) - ((pixel >> 8) & 255);
    const blue = (palette[i] & 255) - (pixel & 255);
    const distance = red * red + green * green + blue * blue;
    if (distance < smallest) [best, smallest] = [i, distance];
  }
  return best;
}

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

/** Pixels as 0xRRGGBB of a PNG with 8 bits per channel, as a web view takes screenshots. */
function decode(png) {
  const width = png.readUInt32BE(16);
  const height = png.readUInt32BE(20);
  const [depth, kind, , , interlaced] = png.subarray(24, 29);
  const channels = { 2: 3, 6: 4 }[kind];
  if (depth !== 8 || !channels || interlaced) throw new Error(`unsupported PNG: color type ${kind}, ${depth} bits`);
  const parts = [];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    if (png.toString("latin1", at + 4, at + 8) === "IDAT") parts.push(png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  const data = inflateSync(Buffer.concat(parts));
  const stride = width * channels;
  const line = Buffer.alloc(stride);
  const above = Buffer.alloc(stride);
  const pixels = new Uint32Array(width * height);
  for (let y = 0; y < height; y += 1) {
    const filter = data[y * (stride + 1)];
    for (let i = 0; i < stride; i += 1) {
      const left = i >= channels ? line[i - channels] : 0;
      const up = above[i];
      const corner = i >= channels ? above[i - channels] : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      line[i] = data[y * (stride + 1) + 1 + i] + guess;
    }
    for (let x = 0; x < width; x += 1) {
      const i = x * channels;
      pixels[y * width + x] = (line[i] << 16) | (line[i + 1] << 8) | line[i + 2];
    }
    line.copy(above);
  }
  return { width, height, pixels };
}

function paeth(left, up, corner) {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

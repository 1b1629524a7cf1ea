// A series as a stack of frames on a canvas: scroll, window, zoom, move.
import { load } from "./pixels.js";

const AHEAD = 6; // frames that are fetched before they are asked for
const KEPT = 400; // frames that stay in memory: 512² of them are 400 MB
const ZOOM_MAX = 20;

export class Stack {
  constructor(canvas, told) {
    this.canvas = canvas;
    this.told = told;
    this.slices = [];
    this.clear();
    new ResizeObserver(() => this.paint()).observe(canvas);
  }

  // slices: [{ place, frame, object }]
  open(slices) {
    this.clear();
    this.slices = slices;
    this.show(0);
  }

  clear() {
    this.slices = [];
    this.at = 0;
    this.frames = new Map();
    this.window = null;
    this.isInverted = false;
    this.current = null;
    this.reset();
  }

  reset() {
    this.zoom = 1;
    this.move = { x: 0, y: 0 };
    this.window = this.current?.isGrey ? { ...this.current.first } : null;
    this.paint();
  }

  invert() { this.isInverted = !this.isInverted; this.paint(); }

  async show(at) {
    if (!this.slices.length) return;
    this.at = Math.min(Math.max(at, 0), this.slices.length - 1);
    const wanted = this.at, slices = this.slices;
    let failure = "";
    try {
      const frame = await this.frame(wanted);
      if (this.slices !== slices || this.at !== wanted) return; // somebody went on meanwhile
      this.current = frame;
      if (frame.isGrey && !this.window) this.window = { ...frame.first };
    } catch (refusal) {
      if (this.slices !== slices || this.at !== wanted) return;
      this.current = null;
      failure = String(refusal.message ?? refusal);
    }
    this.paint(failure);
    this.fetchAhead();
  }

  frame(at) {
    let frame = this.frames.get(at);
    if (!frame) {
      const { place, frame: number, object } = this.slices[at];
      frame = load(place, number, object);
      frame.catch(() => this.frames.delete(at));
      this.frames.set(at, frame);
      if (this.frames.size > KEPT) this.frames.delete(this.frames.keys().next().value);
    }
    return frame;
  }

  fetchAhead() {
    for (let step = 1; step <= AHEAD; step++) {
      for (const at of [this.at + step, this.at - step]) {
        if (at >= 0 && at < this.slices.length) this.frame(at).catch(() => {});
      }
    }
  }

  paint(failure = "") {
    const { canvas } = this;
    const sharp = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * sharp;
    canvas.height = canvas.clientHeight * sharp;
    const context = canvas.getContext("2d");
    if (this.current) {
      const frame = this.current;
      const picture = frame.draw(this.window, this.isInverted);
      const sheet = picture instanceof ImageData ? sheetOf(picture) : picture;
      const fit = Math.min(canvas.width / frame.width, canvas.height / frame.height) * this.zoom;
      context.imageSmoothingEnabled = fit < 3; // from here on single pixels are to be seen
      context.translate(canvas.width / 2 + this.move.x * sharp, canvas.height / 2 + this.move.y * sharp);
      context.scale(fit, fit);
      context.drawImage(sheet, -frame.width / 2, -frame.height / 2);
    }
    this.told(failure);
  }

  adjust(dx, dy) {
    if (!this.window) return;
    const step = Math.max(this.current.first.width / 300, 0.05);
    this.window.width = Math.max(this.window.width + dx * step, 1);
    this.window.center += dy * step;
    this.paint();
  }

  pan(dx, dy) { this.move.x += dx; this.move.y += dy; this.paint(); }

  magnify(factor) { this.zoom = Math.min(Math.max(this.zoom * factor, 0.2), ZOOM_MAX); this.paint(); }
}

function sheetOf(picture) {
  const sheet = new OffscreenCanvas(picture.width, picture.height);
  sheet.getContext("2d").putImageData(picture, 0, 0);
  return sheet;
}

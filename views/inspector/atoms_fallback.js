// Paints a scene on a 2-D canvas: for browsers without WebGL and set-ups without the 3Dmol
// script. Joined in front of atoms_view.js, which defines the scene and the camera.

const CELL_PIECES = 12;      // an edge of the cell is cut up, so that atoms can hide parts of it

function rgb(hex) {
  const n = parseInt(hex.slice(1), 16);
  return [n >> 16, (n >> 8) & 255, n & 255];
}

function blend(from, to, t) {
  return from.map((c, i) => c + (to[i] - c) * t);
}

function css(colour) {
  return `rgb(${colour.map((c) => Math.round(c)).join(',')})`;
}

function canvasPainter(box) {
  const canvas = document.createElement('canvas');
  canvas.style.cssText = 'position:absolute;inset:0;width:100%;height:100%';
  box.prepend(canvas);
  const pen = canvas.getContext('2d');
  let scene = null, look = null, paper = null;

  function haze(depth) {                    // 0 in front .. 1 behind: the part hidden by mist
    return 0.42 * Math.max(0, Math.min(1, depth)) ** 1.6;
  }

  function ball(item) {
    const { x, y, r, colour, full, depth } = item;
    const mist = (c) => css(blend(c, paper, haze(depth)));
    const white = [255, 255, 255], night = look.dark ? [8, 12, 18] : [20, 24, 32];
    const shade = pen.createRadialGradient(x - 0.36 * r, y - 0.4 * r, 0.03 * r, x, y, r);
    shade.addColorStop(0, mist(blend(colour, white, 0.82)));
    shade.addColorStop(0.22, mist(blend(colour, white, 0.26)));
    shade.addColorStop(0.58, mist(colour));
    shade.addColorStop(1, mist(blend(colour, night, 0.46)));
    pen.globalAlpha = full ? 1 : look.faint;
    pen.fillStyle = shade;
    pen.beginPath();
    pen.arc(x, y, r, 0, 2 * Math.PI);
    pen.fill();
    pen.lineWidth = 0.75;
    const edge = look.dark ? blend(colour, white, rim(colour)) : blend(colour, night, 0.5);
    pen.strokeStyle = mist(edge);
    pen.stroke();
  }

  function rim([r, g, b]) {                 // lifts a dark ball off a dark page
    return 0.3 * (1 - (0.3 * r + 0.6 * g + 0.1 * b) / 255);
  }

  function line(item) {
    const strokes = item.bond
      ? [[item.width, 0.22], [item.width * 0.5, -0.2]]      // a dark rim and a lit middle
      : [[1, 0]];
    pen.globalAlpha = item.full ? 1 : look.faint;
    pen.lineCap = item.bond ? 'butt' : 'round';
    for (const [width, shade] of strokes) {
      const end = shade < 0 ? [255, 255, 255] : [0, 0, 0];
      const tone = blend(item.colour, end, Math.abs(shade));
      pen.strokeStyle = css(blend(tone, paper, haze(item.depth)));
      pen.lineWidth = width;
      pen.beginPath();
      pen.moveTo(item.from.x, item.from.y);
      pen.lineTo(item.to.x, item.to.y);
      pen.stroke();
    }
  }

  function balls(camera) {
    return scene.atoms.map((a) => ({
      ...camera.place(a.at), draw: ball, r: a.radius * camera.scale, full: a.full,
      colour: rgb(a.colour),
    }));
  }

  function bonds(camera) {
    const colour = rgb(look.bond), width = Math.max(1.2, 2 * look.bondRadius * camera.scale);
    return scene.bonds.map(([i, j]) => {
      const a = scene.atoms[i], b = scene.atoms[j];
      const along = [0, 1, 2].map((k) => b.at[k] - a.at[k]);
      const length = Math.hypot(...along);
      const inside = (atom, sign) =>        // start a little below the surface of the ball
        camera.place(atom.at.map((c, k) => c + sign * 0.8 * atom.radius * along[k] / length));
      const from = inside(a, 1), to = inside(b, -1);
      return { draw: line, bond: true, from, to, colour, width, full: a.full && b.full,
        z: (from.z + to.z) / 2, depth: (from.depth + to.depth) / 2 };
    });
  }

  function edges(camera) {
    const colour = rgb(look.cell), pieces = [];
    for (const [p, q] of scene.edges) {
      const stops = Array.from({ length: CELL_PIECES + 1 }, (_, s) =>
        camera.place(p.map((c, k) => c + (q[k] - c) * s / CELL_PIECES)));
      for (let s = 0; s < CELL_PIECES; s++) {
        const from = stops[s], to = stops[s + 1];
        pieces.push({ draw: line, from, to, colour, full: true,
          z: (from.z + to.z) / 2, depth: (from.depth + to.depth) / 2 });
      }
    }
    return pieces;
  }

  return {
    name: 'canvas',
    build(newScene, newLook) {
      scene = newScene;
      look = newLook;
      paper = rgb(look.background);
    },
    resize(width, height) {
      const ratio = window.devicePixelRatio || 1;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    },
    draw(camera) {
      const ratio = window.devicePixelRatio || 1;
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.globalAlpha = 1;
      pen.fillStyle = look.background;
      pen.fillRect(0, 0, camera.width, camera.height);
      const items = [...edges(camera), ...bonds(camera), ...balls(camera)];
      items.sort((p, q) => p.z - q.z);
      for (const item of items) item.draw(item);
    },
    dispose() { canvas.remove(); },
  };
}

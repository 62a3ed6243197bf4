#include "start/seeding.hpp"

#include "data/samples.hpp"
#include "numeric/random.hpp"
#include "start/centers.hpp"
#include "start/packed_rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace gaussmix::detail {

namespace {

/// Draws an index of [begin, end) with probability proportional to mass(i): the one where the running sum passes
/// `rest`, the last of positive mass when rounding lets `rest` pass them all. `rest` is left relative to that index.
template <class Mass>
Index where_sum_passes(Index begin, Index end, const Mass& mass, double& rest) {
  Index last = begin;
  for (Index i = begin; i < end; ++i) {
    const double m = mass(i);
    if (m <= 0.0) continue;
    last = i;
    if (rest < m) break;
    rest -= m;
  }
  return last;
}

/// Chooses seeds one by one. Every row knows its nearest seed so far.
///
/// k-means++ (Arthur & Vassilvitskii 2007), D_i² = min_k ‖x_i − s_k‖² over the seeds so far:
///   the first seed is row i with probability w_i / Σ w, each other one with probability w_i D_i² / φ, where φ = Σ_i
///   w_i D_i² is the potential, the inertia if the seeds were the centers;
/// greedily (section 4 there): of 2 + ⌊ln K⌋ such draws the one that leaves the least φ.
template <class T>
class Seeding {
 public:
  Seeding(const Points<T>& points, Index n_components, std::uint64_t seed, const EndStart& end_start = {});

  /// By greedy k-means++.
  Seeds by_distance();
  /// By weight, without replacement.
  Seeds by_weight();

 private:
  /// Rows that may become the next seed.
  struct Candidates {
    std::vector<Index> rows;
    Centers<T> places;
    /// A row nearer to seed k than by this squared distance is not nearer to any of them, (seeds so far,).
    std::vector<T> reach;
  };
  /// What a thread needs for a tile of rows.
  struct Scratch {
    PackedRows<T> rows;
    Buffer<std::int32_t> listed;
    Buffer<T> distances, closest;
    Buffer<double> weight;
    Buffer<std::uint8_t> nearer;
    std::vector<double> gains;

    explicit Scratch(const Points<T>& p)
        : rows(p),
          listed(p.partition.tile_rows),
          distances(p.partition.tile_rows),
          closest(p.partition.tile_rows),
          weight(p.partition.tile_rows),
          nearer(p.partition.tile_rows) {}
  };

  bool ended() const { return end_start_ && end_start_(); }
  Index n_seeds() const noexcept { return static_cast<Index>(seeds_.rows.size()); }
  /// w_i D_i².
  double mass(Index i) const noexcept {
    const double w = points_.weight[i];
    return w > 0.0 ? w * static_cast<double>(closest_[static_cast<std::size_t>(i)]) : 0.0;
  }
  Index draw();
  void draw_unchosen(Index count);
  Candidates candidates(std::vector<Index> rows) const;
  Index best_of(const Candidates& candidates);
  void adopt(const Candidates& candidates, Index chosen, bool compared);
  void weigh(Scratch& scratch, Index leaf);
  void weigh_all();
  void give_rows_to_unseeded();
  void set_closest(T value) { std::fill(closest_.begin(), closest_.end(), value); }
  Seeds finished();
  Index list_within_reach(Scratch& scratch, Index begin, Index end, const std::vector<T>& reach) const;
  Index list_nearer(Scratch& scratch, Index begin, Index end, unsigned bit) const;
  void add_gains(Scratch& scratch, Index begin, Index end, const Candidates& candidates);
  void take_nearer_rows(Scratch& scratch, Index begin, Index n, simd::Location<T> seed, std::int32_t label);
  const double* weights_of(Scratch& scratch, Index begin, const std::int32_t* offsets, Index n) const;
  std::vector<Scratch>& scratch_for(int threads);

  static constexpr T infinity = std::numeric_limits<T>::infinity();

  const Points<T>& points_;
  Index n_components_;
  EndStart end_start_;
  std::uint64_t seed_;
  Random random_;
  Seeds seeds_;
  Centers<T> places_;       // of the seeds
  std::vector<T> closest_;  // squared distance to the nearest seed, (N,); 1 or 0 where draws go by weight alone
  std::vector<std::uint8_t> nearer_;  // by bits, the last candidates that were nearer than any seed, (N,)
  std::vector<double> leaf_mass_;     // Σ mass(i) of each leaf; together they are φ
  std::vector<Scratch> scratch_;
};

template <class T>
Seeding<T>::Seeding(const Points<T>& points, Index n_components, std::uint64_t seed, const EndStart& end_start)
    : points_(points),
      n_components_(n_components),
      end_start_(end_start),
      seed_(seed),
      random_(seed, seeding_stream),
      places_(n_components, points.n_features()),
      closest_(static_cast<std::size_t>(points.n_samples())),
      nearer_(closest_.size()),
      leaf_mass_(static_cast<std::size_t>(points.partition.leaves())) {
  seeds_.labels.resize(closest_.size());
}

/// s_1 by w, then s_k by w D² as long as φ > 0, the best of n_trials draws; by w again once every row lies on a seed.
template <class T>
Seeds Seeding<T>::by_distance() {
  set_closest(T(1));
  weigh_all();
  const Candidates first = candidates({draw()});
  set_closest(infinity);
  adopt(first, 0, false);
  const int n_trials = 2 + static_cast<int>(std::log(static_cast<double>(n_components_)));
  while (n_seeds() < n_components_) {
    double potential = 0.0;
    for (const double m : leaf_mass_) potential += m;
    if (potential == 0.0) break;
    if (ended()) return finished();
    std::vector<Index> drawn;
    for (int t = 0; t < n_trials; ++t) drawn.push_back(draw());
    const Candidates trials = candidates(std::move(drawn));
    adopt(trials, best_of(trials), true);
  }
  draw_unchosen(n_components_ - n_seeds());
  return finished();
}

template <class T>
Seeds Seeding<T>::by_weight() {
  draw_unchosen(n_components_);
  const std::vector<Index> rows = std::move(seeds_.rows);
  seeds_.rows.clear();
  set_closest(infinity);
  for (const Index row : rows) {
    adopt(candidates({row}), 0, false);
    if (ended()) break;
  }
  return finished();
}

/// A row drawn in proportion to its mass; the same seed draws the same row whatever the threads.
template <class T>
Index Seeding<T>::draw() {
  double total = 0.0;
  for (const double m : leaf_mass_) total += m;
  double rest = random_.uniform() * total;
  const auto mass_of_leaf = [&](Index leaf) { return leaf_mass_[static_cast<std::size_t>(leaf)]; };
  const Index leaf = where_sum_passes(0, points_.partition.leaves(), mass_of_leaf, rest);
  const auto mass_of_row = [&](Index i) { return mass(i); };
  return where_sum_passes(points_.partition.leaf_begin(leaf), points_.partition.leaf_end(leaf), mass_of_row, rest);
}

/// Draws `count` further seeds by weight among the rows that are none yet; labels stay as they are.
template <class T>
void Seeding<T>::draw_unchosen(Index count) {
  if (count == 0) return;
  set_closest(T(1));
  for (const Index row : seeds_.rows) closest_[static_cast<std::size_t>(row)] = T(0);
  weigh_all();
  for (Index n = 0; n < count; ++n) {
    const Index row = draw();
    seeds_.rows.push_back(row);
    closest_[static_cast<std::size_t>(row)] = T(0);
    weigh(scratch_for(1).front(), row / points_.partition.leaf_rows);
  }
}

/// x is nearer to c than to its seed s only if ‖c − s‖ < 2 ‖x − s‖ (triangle inequality); the last factor covers the
/// rounding of the distances compared.
template <class T>
typename Seeding<T>::Candidates Seeding<T>::candidates(std::vector<Index> rows) const {
  const Index d = points_.n_features();
  const auto n = static_cast<Index>(rows.size());
  Candidates c{std::move(rows), Centers<T>(n, d), std::vector<T>(static_cast<std::size_t>(n_seeds()), infinity)};
  c.reach.resize(std::max<std::size_t>(c.reach.size(), 1));
  std::vector<double> x(static_cast<std::size_t>(d));
  const double safety = std::max(0.0, 1.0 - 8.0 * distance_error<T>(d));
  for (Index t = 0; t < n; ++t) {
    const Index row = c.rows[static_cast<std::size_t>(t)];
    read_rows(points_.x, row, row + 1, x.data());
    c.places.set(t, x.data());
    for (Index k = 0; k < n_seeds(); ++k) {
      T& reach = c.reach[static_cast<std::size_t>(k)];
      reach = std::min(reach, static_cast<T>(squared_distance(x.data(), places_[k], d) / 4 * safety));
    }
  }
  return c;
}

/// Lists the rows of a tile that are farther from their seed k than reach[k]. Returns how many these are.
template <class T>
Index Seeding<T>::list_within_reach(Scratch& scratch, Index begin, Index end, const std::vector<T>& reach) const {
  const T* closest = closest_.data() + begin;
  const std::int32_t* label = seeds_.labels.data() + begin;
  std::int32_t* listed = scratch.listed.data();
  Index n = 0;
  for (Index i = 0; i < end - begin; ++i) {
    listed[n] = static_cast<std::int32_t>(i);
    n += closest[i] > reach[static_cast<std::size_t>(label[i])];
  }
  return n;
}

/// Lists the rows of a tile that the last comparison marked with this bit.
template <class T>
Index Seeding<T>::list_nearer(Scratch& scratch, Index begin, Index end, unsigned bit) const {
  const std::uint8_t* nearer = nearer_.data() + begin;
  std::int32_t* listed = scratch.listed.data();
  Index n = 0;
  for (Index i = 0; i < end - begin; ++i) {
    listed[n] = static_cast<std::int32_t>(i);
    n += nearer[i] >> bit & 1;
  }
  return n;
}

/// The weights of n rows of a tile, null where all are equal.
template <class T>
const double* Seeding<T>::weights_of(Scratch& scratch, Index begin, const std::int32_t* offsets, Index n) const {
  if (points_.weight.are_equal()) return nullptr;
  for (Index r = 0; r < n; ++r) scratch.weight[r] = points_.weight[begin + (offsets ? offsets[r] : r)];
  return scratch.weight.data();
}

/// Adds to scratch.gains what each candidate would take off the potential of a tile, and marks the rows that would come
/// nearer.
template <class T>
void Seeding<T>::add_gains(Scratch& scratch, Index begin, Index end, const Candidates& candidates) {
  std::uint8_t* nearer = nearer_.data() + begin;
  std::fill(nearer, nearer + (end - begin), std::uint8_t{0});
  const Index n = list_within_reach(scratch, begin, end, candidates.reach);
  if (n == 0) return;
  const std::int32_t* listed = scratch.listed.data();
  scratch.rows.load(begin, listed, n);
  const Index padded = scratch.rows.padded();
  for (Index r = 0; r < n; ++r) scratch.closest[r] = closest_[static_cast<std::size_t>(begin + listed[r])];
  std::fill(scratch.closest.data() + n, scratch.closest.data() + padded, T(0));
  const double* weight = weights_of(scratch, begin, listed, n);
  std::fill(scratch.weight.data() + n, scratch.weight.data() + padded, 0.0);
  points_.kernels.potential_gains(scratch.rows.strips(), scratch.rows.n_strips(), points_.n_features(),
                                  static_cast<Index>(candidates.rows.size()), candidates.places.location(0),
                                  scratch.closest.data(), weight, scratch.gains.data(), scratch.nearer.data());
  for (Index r = 0; r < n; ++r) nearer[listed[r]] = scratch.nearer[r];
}

/// The candidate that would lower the potential most; the first of equals.
template <class T>
Index Seeding<T>::best_of(const Candidates& candidates) {
  const std::size_t n = candidates.rows.size();
  const int threads = points_.threads(static_cast<Index>(n));
  std::vector<Scratch>& scratch = scratch_for(threads);
  std::vector<double> gains(n);
  const auto evaluate = [&](Index leaf, Worker& worker) {
    Scratch& mine = scratch[static_cast<std::size_t>(worker.id())];
    mine.gains.assign(n, 0.0);
    points_.for_tiles(leaf, worker, [&](Index begin, Index end) { add_gains(mine, begin, end, candidates); });
  };
  parallel_for(points_.partition.leaves(), threads, points_.execution, evaluate, [&](Index, int slot) {
    const std::vector<double>& part = scratch[static_cast<std::size_t>(slot)].gains;
    for (std::size_t t = 0; t < n; ++t) gains[t] += part[t];
  });
  return std::max_element(gains.begin(), gains.end()) - gains.begin();
}

/// Makes a candidate the next seed. `compared`: best_of has marked which rows may be nearer to it; otherwise those
/// within reach may.
template <class T>
void Seeding<T>::adopt(const Candidates& candidates, Index chosen, bool compared) {
  const auto label = static_cast<std::int32_t>(n_seeds());
  const simd::Location<T> seed = candidates.places.location(chosen);
  const auto bit = static_cast<unsigned>(simd::nearer_bit(chosen));
  const int threads = points_.threads(1);
  std::vector<Scratch>& scratch = scratch_for(threads);
  parallel_for(points_.partition.leaves(), threads, points_.execution, [&](Index leaf, Worker& worker) {
    Scratch& mine = scratch[static_cast<std::size_t>(worker.id())];
    points_.for_tiles(leaf, worker, [&](Index begin, Index end) {
      const Index n =
          compared ? list_nearer(mine, begin, end, bit) : list_within_reach(mine, begin, end, candidates.reach);
      if (n > 0) take_nearer_rows(mine, begin, n, seed, label);
    });
    weigh(mine, leaf);
  });
  places_.set(label, candidates.places[chosen]);
  seeds_.rows.push_back(candidates.rows[static_cast<std::size_t>(chosen)]);
}

/// Gives the listed rows of a tile that are nearer to a new seed than to any other its label.
template <class T>
void Seeding<T>::take_nearer_rows(Scratch& scratch, Index begin, Index n, simd::Location<T> seed, std::int32_t label) {
  scratch.rows.load(begin, scratch.listed.data(), n);
  points_.kernels.distances_unit(scratch.rows.strips(), scratch.rows.n_strips(), points_.n_features(), seed,
                                 scratch.distances.data());
  for (Index r = 0; r < n; ++r) {
    const auto row = static_cast<std::size_t>(begin + scratch.listed[r]);
    if (!(scratch.distances[r] < closest_[row])) continue;
    closest_[row] = scratch.distances[r];
    seeds_.labels[row] = label;
  }
}

template <class T>
void Seeding<T>::weigh(Scratch& scratch, Index leaf) {
  const Index leaf_end = points_.partition.leaf_end(leaf), step = points_.partition.tile_rows;
  double sum = 0.0;
  for (Index begin = points_.partition.leaf_begin(leaf); begin < leaf_end; begin += step) {
    const Index n = std::min(step, leaf_end - begin);
    const double* weight = weights_of(scratch, begin, nullptr, n);
    sum += points_.kernels.weighted_sum(closest_.data() + begin, weight, n);
  }
  leaf_mass_[static_cast<std::size_t>(leaf)] = points_.weight.are_equal() ? sum * points_.weight[0] : sum;
}

template <class T>
void Seeding<T>::weigh_all() {
  Scratch& scratch = scratch_for(1).front();
  for (Index leaf = 0; leaf < points_.partition.leaves(); ++leaf) weigh(scratch, leaf);
}

/// Every component without a seed takes 1 of K rows, drawn by lot: a broad one, as nothing is known of it.
template <class T>
void Seeding<T>::give_rows_to_unseeded() {
  for (std::size_t i = 0; i < seeds_.labels.size(); ++i) {
    const double u = uniform_from(Philox::words(seed_, i, 0, unseeded_stream)[0]);
    const auto drawn = static_cast<Index>(u * static_cast<double>(n_components_));
    if (drawn >= n_seeds()) seeds_.labels[i] = static_cast<std::int32_t>(drawn);
  }
}

template <class T>
Seeds Seeding<T>::finished() {
  if (n_seeds() < n_components_) give_rows_to_unseeded();
  for (Index k = 0; k < n_seeds(); ++k) {
    seeds_.labels[static_cast<std::size_t>(seeds_.rows[static_cast<std::size_t>(k)])] = static_cast<std::int32_t>(k);
  }
  return std::move(seeds_);
}

template <class T>
std::vector<typename Seeding<T>::Scratch>& Seeding<T>::scratch_for(int threads) {
  while (static_cast<int>(scratch_.size()) < threads) scratch_.emplace_back(points_);
  return scratch_;
}

}  // namespace

template <class T>
Seeds seeds_by_distance(const Points<T>& points, Index n_components, std::uint64_t seed, const EndStart& end_start) {
  return Seeding<T>(points, n_components, seed, end_start).by_distance();
}

template <class T>
Seeds seeds_by_weight(const Points<T>& points, Index n_components, std::uint64_t seed, const EndStart& end_start) {
  return Seeding<T>(points, n_components, seed, end_start).by_weight();
}

template Seeds seeds_by_distance(const Points<float>&, Index, std::uint64_t, const EndStart&);
template Seeds seeds_by_distance(const Points<double>&, Index, std::uint64_t, const EndStart&);
template Seeds seeds_by_weight(const Points<float>&, Index, std::uint64_t, const EndStart&);
template Seeds seeds_by_weight(const Points<double>&, Index, std::uint64_t, const EndStart&);

}  // namespace gaussmix::detail

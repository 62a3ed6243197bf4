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

/// Draws an index of [begin, end) with probability proportional to mass(i): the one where the running sum passes `rest`, the
/// last of positive mass when rounding lets `rest` pass them all. `rest` is left relative to that index.
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
///   the first seed is row i with probability w_i / Σ w, each other one with probability w_i D_i² / φ, where φ = Σ_i w_i D_i²
///   is the potential, the inertia if the seeds were the centers;
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
  /// A row that may become a seed.
  struct Candidate {
    Index row;
    Centers<T> place;
    /// A row nearer to seed k than by this squared distance is not nearer to the candidate, (seeds so far,).
    std::vector<T> reach;
  };
  struct Scratch {
    PackedRows<T> rows;
    Buffer<std::int32_t> listed;
    Buffer<T> distances, closest;
    Buffer<double> weight;
    std::vector<double> gains;

    explicit Scratch(const Points<T>& p)
        : rows(p),
          listed(p.partition.block_rows),
          distances(p.partition.block_rows),
          closest(p.partition.block_rows),
          weight(p.partition.block_rows) {}
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
  Candidate candidate(Index row) const;
  std::size_t best_of(const std::vector<Candidate>& candidates);
  void adopt(const Candidate& chosen);
  void weigh(Index leaf);
  void weigh_all();
  void give_rows_to_unseeded();
  void set_closest(T value) { std::fill(closest_.begin(), closest_.end(), value); }
  Seeds finished();
  Index load_within_reach(Scratch& scratch, Index begin, Index end, const std::vector<T>& reach) const;
  void find_distances(Scratch& scratch, const Candidate& candidate) const {
    points_.kernels.distances_unit(scratch.rows.strips(), scratch.rows.n_strips(), points_.n_features(),
                                   candidate.place.location(0), scratch.distances.data());
  }
  void add_gains(Scratch& scratch, Index begin, Index end, const std::vector<Candidate>& candidates,
                 const std::vector<T>& reach) const;
  void take_nearer_rows(Scratch& scratch, Index begin, Index end, const Candidate& seed, std::int32_t label);
  std::vector<Scratch>& scratch_for(int threads);

  static constexpr T infinity = std::numeric_limits<T>::infinity();

  const Points<T>& points_;
  Index n_components_;
  EndStart end_start_;
  std::uint64_t seed_;
  Random random_;
  Seeds seeds_;
  Centers<T> places_;              // of the seeds
  std::vector<T> closest_;         // squared distance to the nearest seed, (N,); 1 or 0 where draws go by weight alone
  std::vector<double> leaf_mass_;  // Σ mass(i) of each leaf; together they are φ
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
      leaf_mass_(static_cast<std::size_t>(points.partition.leaves())) {
  seeds_.labels.resize(closest_.size());
}

/// s_1 by w, then s_k by w D² as long as φ > 0, the best of n_trials draws; by w again once every row lies on a seed.
template <class T>
Seeds Seeding<T>::by_distance() {
  set_closest(T(1));
  weigh_all();
  const Candidate first = candidate(draw());
  set_closest(infinity);
  adopt(first);
  const int n_trials = 2 + static_cast<int>(std::log(static_cast<double>(n_components_)));
  while (n_seeds() < n_components_) {
    double potential = 0.0;
    for (const double m : leaf_mass_) potential += m;
    if (potential == 0.0) break;
    if (ended()) return finished();
    std::vector<Candidate> candidates;
    for (int t = 0; t < n_trials; ++t) candidates.push_back(candidate(draw()));
    adopt(candidates[best_of(candidates)]);
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
    adopt(candidate(row));
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
    weigh(row / points_.partition.leaf_rows);
  }
}

/// x is nearer to c than to its seed s only if ‖c − s‖ < 2 ‖x − s‖ (triangle inequality); the last factor covers the rounding
/// of the distances compared.
template <class T>
typename Seeding<T>::Candidate Seeding<T>::candidate(Index row) const {
  const Index d = points_.n_features();
  Candidate c{row, Centers<T>(1, d), std::vector<T>(static_cast<std::size_t>(std::max<Index>(n_seeds(), 1)))};
  std::vector<double> x(static_cast<std::size_t>(d));
  read_rows(points_.x, row, row + 1, x.data());
  c.place.set(0, x.data());
  const double safety = std::max(0.0, 1.0 - 8.0 * distance_error<T>(d));
  for (Index k = 0; k < n_seeds(); ++k) {
    c.reach[static_cast<std::size_t>(k)] = static_cast<T>(squared_distance(x.data(), places_[k], d) / 4 * safety);
  }
  return c;
}

/// Packs the rows of a block that are farther from their seed k than reach[k]. Returns how many these are.
template <class T>
Index Seeding<T>::load_within_reach(Scratch& scratch, Index begin, Index end, const std::vector<T>& reach) const {
  Index n = 0;
  for (Index i = begin; i < end; ++i) {
    const auto row = static_cast<std::size_t>(i);
    scratch.listed[n] = static_cast<std::int32_t>(i - begin);
    n += closest_[row] > reach[static_cast<std::size_t>(seeds_.labels[row])];
  }
  if (n > 0) scratch.rows.load(begin, scratch.listed.data(), n);
  return n;
}

/// Σ w · max(closest − distance, 0) over n rows, in 8 sums side by side.
template <class T>
double gain_of(const T* distances, const T* closest, const double* weight, Index n) {
  constexpr Index lanes = 8;
  double sums[lanes] = {};
  const auto gain = [&](Index r) { return weight[r] * static_cast<double>(std::max(closest[r] - distances[r], T(0))); };
  Index r = 0;
  for (; r + lanes <= n; r += lanes) {
    for (Index lane = 0; lane < lanes; ++lane) sums[lane] += gain(r + lane);
  }
  for (; r < n; ++r) sums[0] += gain(r);
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

/// Adds to scratch.gains what each candidate would take off the potential of a block. `reach` is the least of theirs.
template <class T>
void Seeding<T>::add_gains(Scratch& scratch, Index begin, Index end, const std::vector<Candidate>& candidates,
                           const std::vector<T>& reach) const {
  const Index n = load_within_reach(scratch, begin, end, reach);
  if (n == 0) return;
  for (Index r = 0; r < n; ++r) {
    const Index i = begin + scratch.listed[r];
    scratch.weight[r] = points_.weight[i];
    scratch.closest[r] = scratch.weight[r] > 0.0 ? closest_[static_cast<std::size_t>(i)] : T(0);
  }
  for (std::size_t t = 0; t < candidates.size(); ++t) {
    find_distances(scratch, candidates[t]);
    scratch.gains[t] += gain_of(scratch.distances.data(), scratch.closest.data(), scratch.weight.data(), n);
  }
}

/// Which candidate would lower the potential Σ w · (distance to the nearest seed)² most; the first of equals.
template <class T>
std::size_t Seeding<T>::best_of(const std::vector<Candidate>& candidates) {
  std::vector<T> reach = candidates.front().reach;
  for (const Candidate& c : candidates) {
    for (std::size_t k = 0; k < reach.size(); ++k) reach[k] = std::min(reach[k], c.reach[k]);
  }
  const int threads = points_.threads(static_cast<Index>(candidates.size()));
  std::vector<Scratch>& scratch = scratch_for(threads);
  std::vector<double> gains(candidates.size());
  const auto evaluate = [&](Index leaf, Worker& worker) {
    Scratch& mine = scratch[static_cast<std::size_t>(worker.id())];
    mine.gains.assign(candidates.size(), 0.0);
    points_.for_blocks(leaf, worker, [&](Index begin, Index end) { add_gains(mine, begin, end, candidates, reach); });
  };
  parallel_for(points_.partition.leaves(), threads, points_.execution, evaluate, [&](Index, Worker& worker) {
    const std::vector<double>& part = scratch[static_cast<std::size_t>(worker.id())].gains;
    for (std::size_t t = 0; t < gains.size(); ++t) gains[t] += part[t];
  });
  return static_cast<std::size_t>(std::max_element(gains.begin(), gains.end()) - gains.begin());
}

/// Makes the candidate the next seed.
template <class T>
void Seeding<T>::adopt(const Candidate& chosen) {
  const auto label = static_cast<std::int32_t>(n_seeds());
  const int threads = points_.threads(1);
  std::vector<Scratch>& scratch = scratch_for(threads);
  parallel_for(points_.partition.leaves(), threads, points_.execution, [&](Index leaf, Worker& worker) {
    Scratch& mine = scratch[static_cast<std::size_t>(worker.id())];
    points_.for_blocks(leaf, worker,
                       [&](Index begin, Index end) { take_nearer_rows(mine, begin, end, chosen, label); });
    weigh(leaf);
  });
  places_.set(label, chosen.place[0]);
  seeds_.rows.push_back(chosen.row);
}

/// Gives the rows of a block that are nearer to a new seed than to any other its label.
template <class T>
void Seeding<T>::take_nearer_rows(Scratch& scratch, Index begin, Index end, const Candidate& seed, std::int32_t label) {
  const Index n = load_within_reach(scratch, begin, end, seed.reach);
  if (n == 0) return;
  find_distances(scratch, seed);
  for (Index r = 0; r < n; ++r) {
    const auto row = static_cast<std::size_t>(begin + scratch.listed[r]);
    if (!(scratch.distances[r] < closest_[row])) continue;
    closest_[row] = scratch.distances[r];
    seeds_.labels[row] = label;
  }
}

template <class T>
void Seeding<T>::weigh(Index leaf) {
  double sum = 0.0;
  for (Index i = points_.partition.leaf_begin(leaf); i < points_.partition.leaf_end(leaf); ++i) sum += mass(i);
  leaf_mass_[static_cast<std::size_t>(leaf)] = sum;
}

template <class T>
void Seeding<T>::weigh_all() {
  for (Index leaf = 0; leaf < points_.partition.leaves(); ++leaf) weigh(leaf);
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

#include "start/lloyd.hpp"

#include "data/samples.hpp"
#include "start/centers.hpp"
#include "start/cluster_sums.hpp"
#include "start/packed_rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace gaussmix::detail {

namespace {

// Where iterations end and sums are made anew; another value gives other bits.
/// What is left of a cluster's sums after more than 1 − this of their weight was taken away may be rounding error.
constexpr double worn_share = 0x1p-20;
/// Centers that move by less than the root of this times the root-mean-square distance have settled: squares of moves
/// of 2⁻⁴⁴.
constexpr double negligible_gain = 0x1p-88;
/// Beyond rounding: weights times a factor leave the same share.
constexpr double share_margin = 1.0 + 0x1p-20;

/// Bounds are kept as floats, as reading them is most of a late pass over few features; rounded to the safe side, they
/// only let a few more rows be looked at. Values from 2⁻¹²⁶ on lose less than the factors give away.
constexpr double float_margin = 4.0 * static_cast<double>(std::numeric_limits<float>::epsilon());

/// A float not above `value` ≥ 0.
float float_below(double value) {
  const double below = std::min(value * (1.0 - float_margin), double{std::numeric_limits<float>::max()});
  return below < double{std::numeric_limits<float>::min()} ? 0.0F : static_cast<float>(below);
}

/// A float not below `value` ≥ 0.
float float_above(double value) {
  const double above = std::max(value * (1.0 + float_margin), double{std::numeric_limits<float>::min()});
  const bool fits = above <= double{std::numeric_limits<float>::max()};
  return fits ? static_cast<float>(above) : std::numeric_limits<float>::infinity();
}

/// Lloyd's iterations (1982): every row goes to its nearest center, then every center to the mean of its rows,
///   z_i = argmin_k ‖x_i − c_k‖², the first of equals,    c_k = Σ_{z_i = k} w_i x_i / Σ_{z_i = k} w_i,
/// until no label changes; each half lowers the inertia Σ_i w_i ‖x_i − c_{z_i}‖². Rows whose label cannot have changed
/// need no look (Hamerly 2010): after moves m_k = ‖c_k' − c_k‖ of the centers, with the nearest center a at distance u
/// and the second nearest at distance l, the triangle inequality gives
///   ‖x − c_a'‖ ≤ u + m_a,    ‖x − c_k'‖ ≥ l − m_k  (k ≠ a),
/// so a stays the nearest while the sum of m_a + max_{k ≠ a} m_k over the moves since, the drift of a, is below the gap
/// l − u. Until then the row is not even read. The sums change by the rows that change cluster. A whole pass evaluates
/// every row and sums anew: the first one, the last one where its sums are wanted, and when sums have become imprecise.
template <class T>
class Lloyd {
 public:
  Lloyd(const Points<T>& points, const std::vector<Index>& seeds);
  KMeansResult result(int max_iter);
  std::vector<std::int32_t> labels(int max_iter, double settled_share, const EndStart& end_start);

 private:
  /// What a thread needs for a tile of rows.
  struct Scratch {
    PackedRows<T> rows;
    Buffer<std::int32_t> listed, label;
    Buffer<T> nearest, second;
    ClusterSums sums;
    MovedRows moved;

    Scratch(const Points<T>& p, Index n_components)
        : rows(p),
          listed(p.partition.tile_rows),
          label(p.partition.tile_rows),
          nearest(p.partition.tile_rows),
          second(p.partition.tile_rows),
          sums(n_components, p.n_features()),
          moved(p.partition.tile_rows) {}
  };
  struct Farthest {
    T distance = T(0);
    Index row = -1;
  };

  template <class IsLast>
  int iterate(const IsLast& is_last, bool ends_whole);
  void pass(bool whole);
  void pass_tile(Scratch& scratch, Index begin, Index end, bool whole);
  Index list_all(Scratch& scratch, Index n) const;
  Index list_doubtful(Scratch& scratch, Index begin, Index end) const;
  void add_moved(ClusterSums& sums, MatrixView<const T> x, simd::ClusteredRows rows) const;
  void find_two_nearest(Scratch& scratch, Index begin, Index n) const;
  float settled_until(T nearest, T second, std::size_t label) const;
  bool sums_are_worn() const;
  bool has_settled(double share) const;
  bool seat_empty_clusters();
  Farthest farthest_row();
  std::vector<double> means() const;
  bool is_negligible(const std::vector<double>& means) const;
  void move_centers(const std::vector<double>& means);

  std::size_t n_components() const noexcept { return sums_.count.size(); }
  Scratch& scratch_of(Worker& worker) { return scratch_[static_cast<std::size_t>(worker.id())]; }

  const Points<T>& points_;
  Index d_;
  double error_;  // relative, of squared distances
  int threads_;
  Centers<T> centers_;
  std::vector<double> reference_;  // what the sums are about: the centers of the last whole pass
  ClusterSums sums_;
  std::vector<double> whole_weight_;  // cluster weights in the last whole pass, (K,)
  std::vector<float> drift_;          // how much the gap of a row may have shrunk since then, by its label, (K,)
  std::vector<std::int32_t> labels_;  // (N,); −1 before the first pass
  std::vector<float> settled_;        // the drift below which a row keeps its label, (N,)
  std::vector<Scratch> scratch_;
};

template <class T>
Lloyd<T>::Lloyd(const Points<T>& points, const std::vector<Index>& seeds)
    : points_(points),
      d_(points.n_features()),
      error_(distance_error<T>(d_)),
      threads_(points.threads(static_cast<Index>(seeds.size()))),
      centers_(static_cast<Index>(seeds.size()), d_),
      sums_(static_cast<Index>(seeds.size()), d_),
      drift_(seeds.size()),
      labels_(static_cast<std::size_t>(points.n_samples()), -1),
      settled_(labels_.size()) {
  std::vector<double> row(static_cast<std::size_t>(d_));
  for (std::size_t k = 0; k < seeds.size(); ++k) {
    read_rows(points.x, seeds[k], seeds[k] + 1, row.data());
    centers_.set(static_cast<Index>(k), row.data());
  }
  for (int t = 0; t < threads_; ++t) scratch_.emplace_back(points, static_cast<Index>(seeds.size()));
}

template <class T>
KMeansResult Lloyd<T>::result(int max_iter) {
  const int n_iter = iterate([max_iter](int n, bool) { return n == max_iter; }, true);
  return {centers_.values(), std::move(labels_), sums_.inertia, n_iter};
}

/// Rows of weight 0 get their last label by a whole pass alone; all others have it already.
template <class T>
std::vector<std::int32_t> Lloyd<T>::labels(int max_iter, double settled_share, const EndStart& end_start) {
  const auto is_last = [&](int n, bool whole) {
    return n == max_iter || (!whole && has_settled(settled_share)) || (end_start && end_start());
  };
  iterate(is_last, !points_.weight.are_equal());
  return std::move(labels_);
}

/// Passes and moves until no label changes or is_last(iterations, whether the last pass was whole); then a whole pass
/// where `ends_whole`. Returns the number of iterations.
template <class T>
template <class IsLast>
int Lloyd<T>::iterate(const IsLast& is_last, bool ends_whole) {
  int n_iter = 0;
  bool whole = true;
  while (true) {
    pass(whole);
    const bool last = is_last(n_iter, whole);
    if (last && !ends_whole) break;
    if (!whole && (last || sums_.changed == 0 || sums_are_worn())) pass(whole = true);
    if (last) break;
    const bool seated = seat_empty_clusters();
    const std::vector<double> better = means();
    if (whole && !seated && is_negligible(better)) break;
    move_centers(better);
    ++n_iter;
    whole = seated;
  }
  return n_iter;
}

/// Labels every row, or those whose label may have changed, by the nearest center and brings the sums up to date.
template <class T>
void Lloyd<T>::pass(bool whole) {
  sums_.changed = 0;
  sums_.moved = 0.0;
  if (whole) {
    sums_.clear();
    reference_ = centers_.values();
    std::fill(drift_.begin(), drift_.end(), 0.0F);
  }
  const auto evaluate = [&](Index leaf, Worker& worker) {
    Scratch& scratch = scratch_of(worker);
    scratch.sums.clear();
    points_.for_tiles(leaf, worker, [&](Index begin, Index end) { pass_tile(scratch, begin, end, whole); });
  };
  parallel_for(points_.partition.leaves(), threads_, points_.execution, evaluate,
               [&](Index, int slot) { sums_.merge(scratch_[static_cast<std::size_t>(slot)].sums); });
  if (whole) whole_weight_ = sums_.weight;
}

template <class T>
void Lloyd<T>::pass_tile(Scratch& scratch, Index begin, Index end, bool whole) {
  const Index n = whole ? list_all(scratch, end - begin) : list_doubtful(scratch, begin, end);
  if (n == 0) return;
  find_two_nearest(scratch, begin, n);
  scratch.moved.clear();
  for (Index r = 0; r < n; ++r) {
    const std::int32_t offset = scratch.listed[r], label = scratch.label[r];
    const auto row = static_cast<std::size_t>(begin + offset);
    const std::int32_t old = std::exchange(labels_[row], label);
    const double w = points_.weight[begin + offset];
    settled_[row] = w > 0.0 ? settled_until(scratch.nearest[r], scratch.second[r], static_cast<std::size_t>(label))
                            : std::numeric_limits<float>::infinity();
    if (w == 0.0 || (!whole && label == old)) continue;
    if (whole) {
      scratch.sums.inertia += w * static_cast<double>(scratch.nearest[r]);
    } else {
      scratch.moved.add(offset, old, -w);
      scratch.sums.count_row(old, -1, w);
    }
    scratch.moved.add(offset, label, w);
    scratch.sums.count_row(label, 1, w);
    scratch.sums.changed += label != old;
    scratch.sums.moved += label != old ? w : 0.0;
  }
  add_moved(scratch.sums, scratch.rows.source(), scratch.moved.rows());
}

template <class T>
Index Lloyd<T>::list_all(Scratch& scratch, Index n) const {
  std::iota(scratch.listed.data(), scratch.listed.data() + n, 0);
  return n;
}

/// Lists the rows of a tile whose label may have changed. Returns how many these are.
template <class T>
Index Lloyd<T>::list_doubtful(Scratch& scratch, Index begin, Index end) const {
  const std::int32_t* label = labels_.data() + begin;
  const float* settled = settled_.data() + begin;
  std::int32_t* listed = scratch.listed.data();
  Index n = 0;
  for (Index i = 0; i < end - begin; ++i) {
    listed[n] = static_cast<std::int32_t>(i);
    n += !(drift_[static_cast<std::size_t>(label[i])] < settled[i]);
  }
  return n;
}

/// Σ w (x − c_k) of the clusters that rows of `x` enter or leave.
template <class T>
void Lloyd<T>::add_moved(ClusterSums& sums, MatrixView<const T> x, simd::ClusteredRows rows) const {
  points_.kernels.add_to_clusters(x.data(), x.row_stride(), x.col_stride(), rows, d_, reference_.data(),
                                  sums.first.data());
}

/// Packs the n listed rows of a tile and finds their labels and two smallest squared distances.
template <class T>
void Lloyd<T>::find_two_nearest(Scratch& scratch, Index begin, Index n) const {
  scratch.rows.load(begin, scratch.listed.data(), n);
  points_.kernels.two_nearest(scratch.rows.strips(), scratch.rows.n_strips(), d_, static_cast<Index>(n_components()),
                              centers_.location(0), scratch.nearest.data(), scratch.second.data(),
                              scratch.label.data());
}

/// The drift up to which a row at these squared distances surely keeps its label, rounded down. With e the relative
/// error of the distances, the nearest center computes as the nearest while (1 + e) · it < (1 − e) · any other.
template <class T>
float Lloyd<T>::settled_until(T nearest, T second, std::size_t label) const {
  const double gap = std::sqrt(static_cast<double>(second)) * (1.0 - 2.0 * error_) -
                     std::sqrt(static_cast<double>(nearest)) * (1.0 + 2.0 * error_);
  if (!(gap > 0.0)) return 0.0F;
  return float_below(gap + static_cast<double>(drift_[label]));
}

/// Whether a cluster lost so much of the weight it was summed with that what is left may be rounding error.
template <class T>
bool Lloyd<T>::sums_are_worn() const {
  for (std::size_t k = 0; k < n_components(); ++k) {
    if (sums_.count[k] > 0 && sums_.weight[k] < worn_share * whole_weight_[k]) return true;
  }
  return false;
}

/// Whether no more than this share of the weight has a new label and no cluster is empty; never for 0.
template <class T>
bool Lloyd<T>::has_settled(double share) const {
  const bool empty = std::find(sums_.count.begin(), sums_.count.end(), 0) != sums_.count.end();
  const double weight = std::accumulate(sums_.weight.begin(), sums_.weight.end(), 0.0);
  return share > 0.0 && !empty && sums_.moved <= share * share_margin * weight;
}

/// Puts the center of each cluster without rows on the row farthest from its center. Returns whether there was any;
/// none is seated when all rows lie on centers.
template <class T>
bool Lloyd<T>::seat_empty_clusters() {
  bool seated = false;
  std::vector<double> place(static_cast<std::size_t>(d_));
  for (std::size_t k = 0; k < n_components(); ++k) {
    if (sums_.count[k] > 0) continue;
    const Farthest farthest = farthest_row();
    if (farthest.row < 0) break;
    read_rows(points_.x, farthest.row, farthest.row + 1, place.data());
    centers_.set(static_cast<Index>(k), place.data());
    const double w = points_.weight[farthest.row];
    const auto empty = static_cast<std::int32_t>(k);
    const std::int32_t old = std::exchange(labels_[static_cast<std::size_t>(farthest.row)], empty);
    sums_.count_row(old, -1, w);
    sums_.count_row(empty, 1, w);
    for (std::size_t j = 0; j < place.size(); ++j) {
      const std::size_t from = static_cast<std::size_t>(old) * place.size() + j, to = k * place.size() + j;
      sums_.first[from] -= w * (place[j] - reference_[from]);
      sums_.first[to] += w * (place[j] - reference_[to]);
    }
    seated = true;
  }
  return seated;
}

/// The row of positive weight farthest from its center, the first of equals, that is not alone in its cluster; −1 when
/// all distances are 0.
template <class T>
typename Lloyd<T>::Farthest Lloyd<T>::farthest_row() {
  std::vector<Farthest> of_leaf(static_cast<std::size_t>(points_.partition.leaves()));
  parallel_for(points_.partition.leaves(), threads_, points_.execution, [&](Index leaf, Worker& worker) {
    Scratch& scratch = scratch_of(worker);
    Farthest& best = of_leaf[static_cast<std::size_t>(leaf)];
    points_.for_tiles(leaf, worker, [&](Index begin, Index end) {
      find_two_nearest(scratch, begin, list_all(scratch, end - begin));
      for (Index i = begin; i < end; ++i) {
        const auto label = static_cast<std::size_t>(labels_[static_cast<std::size_t>(i)]);
        const bool free = points_.weight[i] > 0.0 && sums_.count[label] > 1;
        if (free && scratch.nearest[i - begin] > best.distance) best = {scratch.nearest[i - begin], i};
      }
    });
  });
  Farthest farthest;
  for (const Farthest& candidate : of_leaf) {
    if (candidate.distance > farthest.distance) farthest = candidate;
  }
  return farthest;
}

/// Where the centers should be: the weighted means of their rows, (K, D). A cluster without rows stays.
template <class T>
std::vector<double> Lloyd<T>::means() const {
  std::vector<double> means = centers_.values();
  for (std::size_t i = 0; i < means.size(); ++i) {
    const std::size_t k = i / static_cast<std::size_t>(d_);
    if (sums_.count[k] > 0) means[i] = Centers<T>::rounded(reference_[i] + sums_.first[i] / sums_.weight[k]);
  }
  return means;
}

/// Whether the centers are at `means` but for rounding: going there lowers the inertia by Σ_k W_k m_k².
template <class T>
bool Lloyd<T>::is_negligible(const std::vector<double>& means) const {
  double gain = 0.0;
  for (std::size_t k = 0; k < n_components(); ++k) {
    gain += sums_.weight[k] *
            squared_distance(means.data() + k * static_cast<std::size_t>(d_), centers_[static_cast<Index>(k)], d_);
  }
  return gain <= negligible_gain * sums_.inertia;
}

/// Moves the centers, and adds m_k + max_{l ≠ k} m_l, rounded up, to the drift of each.
template <class T>
void Lloyd<T>::move_centers(const std::vector<double>& means) {
  std::vector<double> move(n_components());
  for (std::size_t k = 0; k < move.size(); ++k) {
    const double* mean = means.data() + k * static_cast<std::size_t>(d_);
    move[k] = std::sqrt(squared_distance(mean, centers_[static_cast<Index>(k)], d_));
    centers_.set(static_cast<Index>(k), mean);
  }
  const auto farthest = static_cast<std::size_t>(std::max_element(move.begin(), move.end()) - move.begin());
  double next = 0.0;
  for (std::size_t k = 0; k < move.size(); ++k) {
    if (k != farthest) next = std::max(next, move[k]);
  }
  const double up = 1.0 + 2.0 * error_;
  for (std::size_t k = 0; k < move.size(); ++k) {
    const double drift = static_cast<double>(drift_[k]) + move[k] + (k == farthest ? next : move[farthest]);
    drift_[k] = float_above(drift * up);
  }
}

}  // namespace

template <class T>
KMeansResult lloyd(const Points<T>& points, const std::vector<Index>& seeds, int max_iter) {
  return Lloyd<T>(points, seeds).result(max_iter);
}

template <class T>
std::vector<std::int32_t> lloyd_labels(const Points<T>& points, const std::vector<Index>& seeds, int max_iter,
                                       double settled_share, const EndStart& end_start) {
  return Lloyd<T>(points, seeds).labels(max_iter, settled_share, end_start);
}

template KMeansResult lloyd(const Points<float>&, const std::vector<Index>&, int);
template KMeansResult lloyd(const Points<double>&, const std::vector<Index>&, int);
template std::vector<std::int32_t> lloyd_labels(const Points<float>&, const std::vector<Index>&, int, double,
                                                const EndStart&);
template std::vector<std::int32_t> lloyd_labels(const Points<double>&, const std::vector<Index>&, int, double,
                                                const EndStart&);

}  // namespace gaussmix::detail

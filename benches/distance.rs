//! Inner products of floats and codes on every back end of this machine.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kindred::compute::backends;
use std::hint::black_box;

fn distances(criterion: &mut Criterion) {
    for dim in [384_usize, 768] {
        let floats: Vec<f32> = (0..dim).map(|i| (i as f32).sin()).collect();
        let codes: Vec<i8> = (0..dim).map(|i| (i % 255) as u8 as i8).collect();
        let mut group = criterion.benchmark_group(format!("dot/{dim}"));
        group.throughput(Throughput::Elements(dim as u64));
        for backend in backends() {
            group.bench_function(BenchmarkId::new("f32", backend.name()), |bencher| {
                bencher.iter(|| backend.dot(black_box(&floats), black_box(&floats)));
            });
            group.bench_function(BenchmarkId::new("i8", backend.name()), |bencher| {
                bencher.iter(|| backend.dot_i8(black_box(&codes), black_box(&codes)));
            });
        }
    }
}

criterion_group!(benches, distances);
criterion_main!(benches);
